import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Drawer, Flex, Input } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { DataTable, PAGE_SIZE, paged } from '../../parts/DataTable.tsx';
import { CurlButton } from '../../parts/copy.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing } from '../../parts/page.tsx';
import { Moment, Name, Secondary } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';
import { TryLink } from './TryLink.tsx';

/** The published APIs whose requests the key signs; binds and unbinds. */
export function BoundApis({ id, name }: { id: string; name: string }) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const place = usePlace();
  const queries = useQueryClient();
  const [page, setPage] = useState(1);
  const [binding, setBinding] = useState(false);
  const bound = useQuery({
    queryKey: ['bindings', place.instance_id, id, page],
    queryFn: async ({ signal }) =>
      (
        await api.GET('/v2/{project_id}/apigw/instances/{instance_id}/sign-bindings/binded-apis', {
          signal,
          params: { path: place, query: { sign_id: id, offset: (page - 1) * PAGE_SIZE, limit: PAGE_SIZE } },
        })
      ).data,
    placeholderData: keepPreviousData,
  });
  const changed = () =>
    Promise.all(['bindings', 'unbound', 'signs'].map((what) => queries.invalidateQueries({ queryKey: [what, place.instance_id] })));
  const unbind = useMutation({
    mutationFn: (sign_bindings_id: string) =>
      api.DELETE('/v2/{project_id}/apigw/instances/{instance_id}/sign-bindings/{sign_bindings_id}', {
        params: { path: { ...place, sign_bindings_id } },
      }),
    onSettled: changed,
  });
  return (
    <Flex vertical gap="middle">
      <div>
        <GuardedButton action="apig:apis:bindSigns" type="primary" onClick={() => setBinding(true)}>
          {t('key.bind')}
        </GuardedButton>
      </div>
      <Trouble error={bound.error ?? unbind.error} />
      <DataTable
        rowKey="id"
        loading={bound.isFetching}
        dataSource={bound.data?.bindings ?? []}
        pagination={paged(page, bound.data?.total, setPage)}
        locale={{ emptyText: bound.data ? <Nothing text={t('key.boundEmpty')} /> : ' ' }}
        columns={[
          { title: t('common.name'), render: (_, binding_) => <Name>{binding_.api_name}</Name> },
          { title: t('key.method'), dataIndex: 'req_method' },
          { title: t('key.group'), render: (_, binding_) => <Name>{binding_.group_name}</Name> },
          { title: t('key.environment'), render: (_, binding_) => <Name>{binding_.env_name}</Name> },
          { title: t('key.since'), render: (_, binding_) => <Moment at={binding_.binding_time} /> },
          {
            title: t('common.actions'),
            align: 'end',
            render: (_, binding_) => (
              <Flex gap="small" justify="end">
                <TryLink apiId={binding_.api_id} envId={binding_.env_id} />
                <GuardedButton
                  action="apig:apis:unbindSigns"
                  size="small"
                  onClick={() =>
                    void modal.confirm({
                      title: t('key.unbindQuestion', { name: binding_.api_name }),
                      content: t('key.unbindText'),
                      okText: t('key.unbind'),
                      cancelText: t('common.cancel'),
                      onOk: () => unbind.mutateAsync(binding_.id).catch(() => undefined),
                    })
                  }
                >
                  {t('key.unbind')}
                </GuardedButton>
              </Flex>
            ),
          },
        ]}
      />
      <Drawer open={binding} onClose={() => setBinding(false)} title={t('key.bindTitle', { name })} size={720} destroyOnHidden>
        <Bind id={id} onDone={() => setBinding(false)} onBound={changed} />
      </Drawer>
    </Flex>
  );
}

function Bind({ id, onDone, onBound }: { id: string; onDone: () => void; onBound: () => Promise<unknown> }) {
  const { t } = useTranslation();
  const place = usePlace();
  const [page, setPage] = useState(1);
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<string[]>([]);
  const unbound = useQuery({
    queryKey: ['unbound', place.instance_id, id, page, name],
    queryFn: async ({ signal }) =>
      (
        await api.GET('/v2/{project_id}/apigw/instances/{instance_id}/sign-bindings/unbinded-apis', {
          signal,
          params: {
            path: place,
            query: { sign_id: id, offset: (page - 1) * PAGE_SIZE, limit: PAGE_SIZE, ...(name !== '' && { api_name: name }) },
          },
        })
      ).data,
    placeholderData: keepPreviousData,
  });
  const body = { sign_id: id, publish_ids: chosen };
  const bind = useMutation({
    mutationFn: () => api.POST('/v2/{project_id}/apigw/instances/{instance_id}/sign-bindings', { params: { path: place }, body }),
    onSuccess: async () => {
      await onBound();
      onDone();
    },
  });
  return (
    <Flex vertical gap="middle">
      <Input.Search
        allowClear
        aria-label={t('common.search')}
        placeholder={t('common.search')}
        onSearch={(text) => {
          setName(text);
          setPage(1);
        }}
      />
      <Trouble error={unbound.error ?? bind.error} />
      <DataTable
        size="small"
        rowKey="publish_id"
        loading={unbound.isFetching}
        dataSource={unbound.data?.apis ?? []}
        rowSelection={{
          selectedRowKeys: chosen,
          preserveSelectedRowKeys: true,
          onChange: (ids) => setChosen(ids.map(String)),
          getCheckboxProps: ({ name: apiName, run_env_name }) => ({ 'aria-label': `${apiName} ${run_env_name}` }),
        }}
        pagination={paged(page, unbound.data?.total, setPage)}
        locale={{ emptyText: unbound.data ? <Nothing text={t('key.bindEmpty')} /> : ' ' }}
        columns={[
          {
            title: t('common.name'),
            render: (_, { name: apiName, signature_name }) => (
              <>
                <Name>{apiName}</Name>
                {signature_name && (
                  <div>
                    <Secondary>{t('key.replaces', { name: signature_name })}</Secondary>
                  </div>
                )}
              </>
            ),
          },
          { title: t('key.method'), dataIndex: 'req_method' },
          { title: t('apis.path'), dataIndex: 'req_uri' },
          { title: t('key.environment'), render: (_, { run_env_name }) => <Name>{run_env_name}</Name> },
        ]}
      />
      <Flex gap="small" justify="end" wrap>
        <CurlButton call={{ method: 'POST', path: `/v2/${place.project_id}/apigw/instances/${place.instance_id}/sign-bindings`, body }} />
        <Button onClick={onDone}>{t('common.cancel')}</Button>
        <Button type="primary" disabled={chosen.length === 0} loading={bind.isPending} onClick={() => bind.mutate()}>
          {t('key.bindSubmit', { count: chosen.length })}
        </Button>
      </Flex>
    </Flex>
  );
}
