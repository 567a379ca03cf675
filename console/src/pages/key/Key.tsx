import { useMutation, useQuery } from '@tanstack/react-query';
import { Alert, Card, Descriptions, Flex, Skeleton, Tabs } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { CopyButton } from '../../parts/copy.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing, Page } from '../../parts/page.tsx';
import { Id, Moment, Name } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';
import { AuditTable } from '../audit/AuditTable.tsx';
import { BoundApis } from './BoundApis.tsx';
import { Rotation } from './Rotation.tsx';
import { Verify } from './Verify.tsx';

/** One signature key: what it is, what it signs, its rotation, what was done to it, and the code that verifies. */
export function Key() {
  const { t } = useTranslation();
  const place = usePlace();
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const [search, setSearch] = useSearchParams();
  const found = useQuery({
    queryKey: ['signs', place.instance_id, 'one', id],
    queryFn: async ({ signal }) =>
      (await api.GET('/v2/{project_id}/apigw/instances/{instance_id}/signs', { signal, params: { path: place, query: { id, limit: 1 } } }))
        .data.signs[0] ?? null,
  });
  const reveal = useMutation({
    mutationFn: async () =>
      (await api.POST('/signet/v1/instances/{instance_id}/signs/{sign_id}/reveal', { params: { path: { ...place, sign_id: id } } })).data,
  });
  if (found.error) return <Trouble error={found.error} onRetry={() => void found.refetch()} />;
  if (found.isPending) return <Skeleton active />;
  const key = found.data;
  if (!key)
    return (
      <Page title={t('keys.title')}>
        <Nothing text={t('key.absent')} />
      </Page>
    );
  const secret = reveal.data?.sign_secret ?? key.sign_secret;
  return (
    <Page
      title={key.name}
      heading={<Name>{key.name}</Name>}
      actions={
        <GuardedButton action="apig:signs:delete" danger onClick={() => void navigate('delete')}>
          {t('common.delete')}
        </GuardedButton>
      }
    >
      <Tabs
        activeKey={search.get('tab') ?? 'overview'}
        onChange={(tab) => setSearch({ tab }, { replace: true })}
        items={[
          {
            key: 'overview',
            label: t('key.overview'),
            children: (
              <Card>
                <Flex vertical gap="middle">
                  <Descriptions
                    column={1}
                    items={[
                      { key: 'id', label: t('common.id'), children: <Id>{key.id}</Id> },
                      { key: 'type', label: t('common.type'), children: t(`keys.types.${key.sign_type}`) },
                      ...(key.sign_algorithm ? [{ key: 'algorithm', label: t('keys.algorithm'), children: key.sign_algorithm }] : []),
                      { key: 'key', label: t('keys.key'), children: <Id>{key.sign_key}</Id> },
                      {
                        key: 'secret',
                        label: t('keys.secret'),
                        children: (
                          <span className="mono">
                            {secret} {reveal.data && <CopyButton text={secret} />}
                          </span>
                        ),
                      },
                      { key: 'bound', label: t('keys.bound'), children: key.bind_num },
                      { key: 'created', label: t('common.created'), children: <Moment at={key.create_time} /> },
                      { key: 'updated', label: t('common.updated'), children: <Moment at={key.update_time} /> },
                    ]}
                  />
                  {reveal.data ? (
                    <Alert type="info" showIcon title={t('key.revealed')} />
                  ) : (
                    <div>
                      <GuardedButton action="signet:signs:reveal" loading={reveal.isPending} onClick={() => reveal.mutate()}>
                        {t('key.reveal')}
                      </GuardedButton>
                    </div>
                  )}
                  <Trouble error={reveal.error} />
                </Flex>
              </Card>
            ),
          },
          { key: 'apis', label: t('key.apis'), children: <BoundApis id={id} name={key.name} /> },
          { key: 'rotation', label: t('key.rotation'), children: <Rotation id={id} /> },
          {
            key: 'activity',
            label: t('key.activity'),
            children: <AuditTable filter={{ resource_id: id }} empty={t('key.activityEmpty')} />,
          },
          { key: 'verify', label: t('key.verify'), children: <Verify type={key.sign_type} algorithm={key.sign_algorithm} /> },
        ]}
      />
    </Page>
  );
}
