import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Card, Flex, Skeleton, Steps, Tag } from 'antd';
import { useTranslation } from 'react-i18next';
import { isNotFound } from 'signet-client';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { DataTable } from '../../parts/DataTable.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Moment, Name, Secondary } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

const PATH = '/signet/v1/instances/{instance_id}/signs/{sign_id}/rotation' as const;
const REFRESH_MS = 3000;

/** A rotation as a line of steps; only the next possible one is the primary button. */
export function Rotation({ id }: { id: string }) {
  const { t } = useTranslation();
  const { instance_id } = usePlace();
  const queries = useQueryClient();
  const params = { path: { instance_id, sign_id: id } };
  const rotation = useQuery({
    queryKey: ['rotation', instance_id, id],
    queryFn: async ({ signal }) => {
      try {
        return (await api.GET(PATH, { signal, params })).data;
      } catch (error) {
        // Also the answer for a key that is absent; then its page is gone as well.
        if (isNotFound(error)) return null;
        throw error;
      }
    },
    refetchInterval: ({ state }) => (state.data ? REFRESH_MS : false),
  });
  const step = useMutation({
    mutationFn: (which: 'stage' | 'promote' | 'retire' | 'cancel') =>
      which === 'stage'
        ? api.POST(PATH, { params, body: {} })
        : which === 'cancel'
          ? api.DELETE(PATH, { params })
          : which === 'promote'
            ? api.POST(`${PATH}/promote`, { params, body: {} })
            : api.POST(`${PATH}/retire`, { params, body: {} }),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: ['rotation', instance_id, id] }),
        queries.invalidateQueries({ queryKey: ['signs', instance_id] }),
      ]),
  });
  if (rotation.isPending) return <Skeleton active />;
  const { data } = rotation;
  const button = (which: 'stage' | 'promote' | 'retire' | 'cancel', action: string, primary: boolean) => (
    <GuardedButton
      action={action}
      type={primary ? 'primary' : 'default'}
      loading={step.isPending && step.variables === which}
      onClick={() => step.mutate(which)}
    >
      {t(`rotation.${which}`)}
    </GuardedButton>
  );
  return (
    <Card>
      <Flex vertical gap="middle">
        <Trouble error={rotation.error ?? step.error} />
        {!data ? (
          <>
            <Alert type="info" title={t('rotation.none')} description={t('rotation.noneText')} />
            <div>{button('stage', 'signet:rotations:create', true)}</div>
          </>
        ) : (
          <>
            <Steps
              current={data.state === 'overlap' ? 2 : 1}
              responsive
              items={[{ title: t('rotation.steps.stage') }, { title: t('rotation.steps.promote') }, { title: t('rotation.steps.retire') }]}
            />
            <Alert type="info" showIcon title={t(`rotation.${data.state}`)} />
            {data.retire_at && (
              <div>
                {t('rotation.retireAt')} <Moment at={data.retire_at} />
              </div>
            )}
            {data.verifiers.length === 0 ? (
              <Secondary>{t('rotation.noVerifier')}</Secondary>
            ) : (
              <DataTable
                size="small"
                rowKey={({ token_id, process_id }) => `${token_id} ${process_id}`}
                pagination={false}
                dataSource={data.verifiers}
                columns={[
                  { title: t('rotation.verifiers'), render: (_, { name, process_id }) => <Name>{`${name} ${process_id}`}</Name> },
                  {
                    title: t('common.state'),
                    render: (_, { holds_both }) => (
                      <Tag color={holds_both ? 'success' : 'warning'}>{t(holds_both ? 'rotation.holdsBoth' : 'rotation.holdsOne')}</Tag>
                    ),
                  },
                ]}
              />
            )}
            <Flex gap="small" wrap>
              {data.state === 'staged' && button('promote', 'signet:rotations:promote', true)}
              {data.state !== 'staged' && button('retire', 'signet:rotations:retire', data.state === 'overlap')}
              {data.state !== 'withdrawn' && button('cancel', 'signet:rotations:delete', false)}
            </Flex>
          </>
        )}
      </Flex>
    </Card>
  );
}
