import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Descriptions, Flex, Form, Input, Typography } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { receiptOf, isNotFound } from 'signet-client';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { DataTable } from '../../parts/DataTable.tsx';
import { CurlButton } from '../../parts/copy.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing, Page } from '../../parts/page.tsx';
import { Moment, Name } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** The way to a proved deletion: what it affects, the name typed, and then the live receipt. */
export function Deletion() {
  const { t } = useTranslation();
  const place = usePlace();
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [typed, setTyped] = useState('');
  const impact = useQuery({
    queryKey: ['impact', place.instance_id, id],
    queryFn: async ({ signal }) =>
      (await api.GET('/signet/v1/instances/{instance_id}/signs/{sign_id}/impact', { signal, params: { path: { ...place, sign_id: id } } }))
        .data,
  });
  const remove = useMutation({
    mutationFn: async () =>
      (await api.DELETE('/v2/{project_id}/apigw/instances/{instance_id}/signs/{sign_id}', { params: { path: { ...place, sign_id: id } } }))
        .response,
    onSuccess: (response) => {
      void queries.invalidateQueries({ queryKey: ['signs', place.instance_id] });
      void queries.invalidateQueries({ queryKey: ['audit'] });
      const receipt = receiptOf(response);
      const revision = /receipts\/(\d+)/.exec(receipt ?? '')?.[1] ?? response.headers.get('Signet-Revision') ?? '';
      const epoch = /[?&]epoch=([\w-]+)/.exec(receipt ?? '')?.[1];
      void navigate(`/gateways/${place.instance_id}/receipts/${revision}?deleted${epoch === undefined ? '' : `&epoch=${epoch}`}`, {
        replace: true,
      });
    },
  });
  const { data } = impact;
  if (!data) {
    const absent = isNotFound(impact.error);
    return (
      <Page title={t('common.delete')}>
        {absent ? (
          <Nothing text={t('key.absent')} />
        ) : impact.error ? (
          <Trouble error={impact.error} onRetry={() => void impact.refetch()} />
        ) : (
          <Card loading />
        )}
      </Page>
    );
  }
  const matches = typed === data.name;
  return (
    <Page title={t('deletion.title', { name: data.name })}>
      <Card title={t('deletion.impact')}>
        <Flex vertical gap="middle">
          <Descriptions
            column={{ xs: 1, md: 3 }}
            items={[
              { key: 'count', label: t('deletion.requests', { hours: data.window_hours }), children: data.signed_count },
              { key: 'last', label: t('deletion.lastSigned'), children: <Moment at={data.last_signed_at} /> },
              { key: 'nodes', label: t('deletion.nodes'), children: data.nodes.length },
            ]}
          />
          <Typography.Title level={2} style={{ fontSize: '1rem', margin: 0 }}>
            {t('deletion.apis')}
          </Typography.Title>
          <DataTable
            size="small"
            rowKey="publish_id"
            dataSource={data.apis}
            pagination={data.apis.length > 10 ? { pageSize: 10, showSizeChanger: false } : false}
            locale={{ emptyText: t('deletion.impactNone') }}
            columns={[
              { title: t('common.name'), render: (_, api_) => <Name>{api_.api_name}</Name> },
              { title: t('key.environment'), render: (_, api_) => <Name>{api_.env_name}</Name> },
              { title: t('deletion.requests', { hours: data.window_hours }), dataIndex: 'signed_count', align: 'end' },
              { title: t('deletion.lastSigned'), render: (_, api_) => <Moment at={api_.last_signed_at} /> },
            ]}
          />
        </Flex>
      </Card>
      <Card>
        <Form layout="vertical" onFinish={() => matches && remove.mutate()}>
          <Alert type="warning" showIcon title={t('deletion.permanent')} style={{ marginBottom: 16 }} />
          <Form.Item
            label={
              <span>
                {t('deletion.confirm')}: <Name>{data.name}</Name>
              </span>
            }
            htmlFor="confirm"
            validateStatus={typed !== '' && !matches && !data.name.startsWith(typed) ? 'error' : ''}
            help={typed !== '' && !matches && !data.name.startsWith(typed) ? t('deletion.mismatch') : undefined}
          >
            <Input id="confirm" autoComplete="off" value={typed} onChange={({ target }) => setTyped(target.value)} />
          </Form.Item>
          <Trouble error={remove.error} />
          <Flex gap="small" justify="end" wrap style={{ marginTop: 8 }}>
            <CurlButton call={{ method: 'DELETE', path: `/v2/${place.project_id}/apigw/instances/${place.instance_id}/signs/${id}` }} />
            <Button onClick={() => void navigate(-1)}>{t('common.cancel')}</Button>
            <GuardedButton
              action="apig:signs:delete"
              danger
              type="primary"
              htmlType="submit"
              disabled={!matches}
              loading={remove.isPending}
            >
              {t('deletion.submit')}
            </GuardedButton>
          </Flex>
        </Form>
      </Card>
    </Page>
  );
}
