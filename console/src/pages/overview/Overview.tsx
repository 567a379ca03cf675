import { useQuery } from '@tanstack/react-query';
import { Card, Col, Flex, Row, Statistic, Steps, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { useNodes, useVerifiers } from '../../api/processes.ts';
import { useSession } from '../../app/session.ts';
import { DataTable } from '../../parts/DataTable.tsx';
import { Page } from '../../parts/page.tsx';
import { Moment, Name } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** A node that has said nothing for longer than this may be gone. */
const SILENT_SECONDS = 10;

/** Is everything in step? Nodes, keys, deletions with their receipts, and the first three steps of a new gateway. */
export function Overview() {
  const { t } = useTranslation();
  const place = usePlace();
  const session = useSession()!;
  const navigate = useNavigate();
  const nodes = useNodes(place.instance_id);
  const verifiers = useVerifiers(place.instance_id);
  const keys = useQuery({
    queryKey: ['signs', place.instance_id, 'overview'],
    queryFn: async ({ signal }) =>
      (await api.GET('/v2/{project_id}/apigw/instances/{instance_id}/signs', { signal, params: { path: place, query: { limit: 500 } } }))
        .data,
  });
  const deletions = useQuery({
    queryKey: ['audit', 'deletions', place.instance_id],
    queryFn: async ({ signal }) =>
      (
        await api.GET('/signet/v1/audit', {
          signal,
          params: { query: { instance_id: place.instance_id, action: 'DeleteSignatureKey', outcome: 'success', limit: 10 } },
        })
      ).data,
  });
  const newest = Math.max(0, ...(nodes.data?.sessions.map(({ applied_revision }) => applied_revision) ?? []));
  const stateOf = ({ silent_seconds, applied_revision }: { silent_seconds: number; applied_revision: number }) =>
    silent_seconds > SILENT_SECONDS ? 'silent' : applied_revision < newest ? 'behind' : 'inStep';
  const states = nodes.data?.sessions.map(stateOf) ?? [];
  const count = (state: string) => states.filter((one) => one === state).length;
  const bound = keys.data?.signs.filter(({ bind_num }) => bind_num > 0).length ?? 0;
  const done = keys.data === undefined || (deletions.data?.events.length ?? 0) > 0 ? 3 : bound > 0 ? 2 : keys.data.total > 0 ? 1 : 0;
  const at = `/gateways/${place.instance_id}`;
  return (
    <Page title={t('overview.title')}>
      <Trouble error={nodes.error ?? keys.error} onRetry={() => void nodes.refetch()} />
      {done < 3 && (
        <Card title={t('overview.firstSteps')}>
          <Steps
            orientation="vertical"
            current={done}
            items={[
              { title: <Link to={`${at}/keys?create`}>{t('overview.step1')}</Link>, content: t('overview.step1Text') },
              {
                title:
                  done >= 1 ? (
                    <Link to={`${at}/keys/${keys.data?.signs[0]?.id}?tab=apis`}>{t('overview.step2')}</Link>
                  ) : (
                    t('overview.step2')
                  ),
                content: t('overview.step2Text'),
              },
              {
                title:
                  done >= 2 ? (
                    <Link to={`${at}/keys/${keys.data?.signs.find((key) => key.bind_num > 0)?.id}/delete`}>{t('overview.step3')}</Link>
                  ) : (
                    t('overview.step3')
                  ),
                content: t('overview.step3Text'),
              },
            ]}
          />
        </Card>
      )}
      <Row gutter={[16, 16]}>
        <Col xs={24} md={8}>
          <Card loading={nodes.isPending} onClick={() => void navigate(`${at}/nodes`)} hoverable>
            <Statistic title={t('overview.nodes')} value={nodes.data?.total ?? 0} />
            <Flex gap="small" wrap>
              <Tag color="success">{`${count('inStep')} ${t('overview.inStep')}`}</Tag>
              <Tag color={count('behind') > 0 ? 'warning' : 'default'}>{`${count('behind')} ${t('overview.behind')}`}</Tag>
              <Tag color={count('silent') > 0 ? 'error' : 'default'}>{`${count('silent')} ${t('overview.silent')}`}</Tag>
            </Flex>
          </Card>
        </Col>
        <Col xs={24} md={8}>
          <Card loading={keys.isPending} onClick={() => void navigate(`${at}/keys`)} hoverable>
            <Statistic title={t('overview.keys')} value={keys.data?.total ?? 0} />
            <Typography.Text type="secondary">{t('overview.keysBound', { bound, shown: keys.data?.size ?? 0 })}</Typography.Text>
          </Card>
        </Col>
        <Col xs={24} md={8}>
          <Card loading={verifiers.isPending} onClick={() => void navigate(`${at}/nodes`)} hoverable>
            <Statistic title={t('overview.verifiers')} value={verifiers.data?.total ?? 0} />
            <Typography.Text type="secondary">{session.project.name}</Typography.Text>
          </Card>
        </Col>
      </Row>
      <Card title={t('overview.deletions')}>
        <Trouble error={deletions.error} />
        <DataTable
          size="small"
          rowKey="seq"
          loading={deletions.isPending}
          dataSource={deletions.data?.events ?? []}
          pagination={false}
          locale={{ emptyText: t('overview.deletionsEmpty') }}
          columns={[
            { title: t('common.name'), render: (_, event) => <Name>{event.resource_name ?? event.resource_id}</Name> },
            { title: t('audit.time'), render: (_, event) => <Moment at={event.time} /> },
            { title: t('audit.actor'), render: (_, event) => <Name>{event.user_name}</Name> },
            {
              title: t('overview.receipt'),
              render: (_, { seq }) => <Link to={`${at}/receipts/${seq}?deleted`}>{t('receipt.open')}</Link>,
            },
          ]}
        />
      </Card>
    </Page>
  );
}
