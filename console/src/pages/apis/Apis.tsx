import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Drawer, Flex, Form, Input, Select, Tag } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { DataTable, PAGE_SIZE, paged } from '../../parts/DataTable.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing, Page } from '../../parts/page.tsx';
import { Name } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** The environment that every gateway has. */
const RELEASE = 'DEFAULT_ENVIRONMENT_RELEASE_ID';
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'ANY'] as const;

interface NewApi {
  group: string;
  name: string;
  req_method: (typeof METHODS)[number];
  req_uri: string;
  backend: string;
}

/** As much of the gateway's APIs as a key needs to be bound: the list, and a form that creates and publishes one. */
export function Apis() {
  const { t } = useTranslation();
  const place = usePlace();
  const [page, setPage] = useState(1);
  const [name, setName] = useState('');
  const [creating, setCreating] = useState(false);
  const apis = useQuery({
    queryKey: ['apis', place.instance_id, page, name],
    queryFn: async ({ signal }) =>
      (
        await api.GET('/v2/{project_id}/apigw/instances/{instance_id}/apis', {
          signal,
          params: { path: place, query: { offset: (page - 1) * PAGE_SIZE, limit: PAGE_SIZE, ...(name !== '' && { name }) } },
        })
      ).data,
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title={t('apis.title')}
      actions={
        <GuardedButton action="apig:apis:create" type="primary" onClick={() => setCreating(true)}>
          {t('apis.create')}
        </GuardedButton>
      }
    >
      <Input.Search
        allowClear
        aria-label={t('common.search')}
        placeholder={t('common.search')}
        style={{ maxWidth: 320 }}
        onSearch={(text) => {
          setName(text);
          setPage(1);
        }}
      />
      <Trouble error={apis.error} onRetry={() => void apis.refetch()} />
      <DataTable
        rowKey="id"
        loading={apis.isFetching}
        dataSource={apis.data?.apis ?? []}
        pagination={paged(page, apis.data?.total, setPage)}
        locale={{ emptyText: apis.data ? <Nothing text={t('apis.empty')} advice={t('apis.emptyAdvice')} /> : ' ' }}
        columns={[
          { title: t('common.name'), render: (_, one) => <Name>{one.name}</Name> },
          { title: t('apis.method'), dataIndex: 'req_method' },
          { title: t('apis.path'), render: (_, { req_uri }) => <span className="mono">{req_uri}</span> },
          { title: t('apis.group'), render: (_, { group_name }) => <Name>{group_name}</Name> },
          {
            title: t('apis.published'),
            render: (_, { run_env_name }) =>
              run_env_name ? run_env_name.split('|').map((env) => <Tag key={env}>{env}</Tag>) : <Tag>{t('apis.unpublished')}</Tag>,
          },
        ]}
      />
      <Drawer open={creating} onClose={() => setCreating(false)} title={t('apis.create')} size={480} destroyOnHidden>
        <NewApiForm onDone={() => setCreating(false)} />
      </Drawer>
    </Page>
  );
}

function NewApiForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const place = usePlace();
  const queries = useQueryClient();
  const groups = useQuery({
    queryKey: ['groups', place.instance_id],
    queryFn: async ({ signal }) =>
      (
        await api.GET('/v2/{project_id}/apigw/instances/{instance_id}/api-groups', {
          signal,
          params: { path: place, query: { limit: 500 } },
        })
      ).data.groups,
  });
  const create = useMutation({
    mutationFn: async ({ group, backend, ...given }: NewApi) => {
      const known = groups.data?.find(({ name }) => name === group);
      const group_id =
        known?.id ??
        (await api.POST('/v2/{project_id}/apigw/instances/{instance_id}/api-groups', { params: { path: place }, body: { name: group } }))
          .data.id;
      const made = await api.POST('/v2/{project_id}/apigw/instances/{instance_id}/apis', {
        params: { path: place },
        body: {
          ...given,
          group_id,
          type: 1,
          req_protocol: 'BOTH',
          auth_type: 'NONE',
          backend_type: 'HTTP',
          match_mode: 'SWA',
          backend_api: {
            req_protocol: 'HTTP',
            req_method: given.req_method,
            req_uri: given.req_uri,
            timeout: 5000,
            url_domain: backend,
            vpc_channel_status: 2,
          },
        },
      });
      await api.POST('/v2/{project_id}/apigw/instances/{instance_id}/apis/action', {
        params: { path: place },
        body: { action: 'online', api_id: made.data.id, env_id: RELEASE },
      });
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['apis', place.instance_id] });
      onDone();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['groups', place.instance_id] }),
  });
  const required = [{ required: true, message: t('common.required') }];
  return (
    <Form<NewApi>
      layout="vertical"
      initialValues={{ req_method: 'GET', req_uri: '/', backend: '127.0.0.1:9000' }}
      onFinish={(values) => create.mutate(values)}
    >
      <Form.Item name="name" label={t('common.name')} rules={required}>
        <Input autoFocus />
      </Form.Item>
      <Form.Item name="group" label={t('apis.newGroup')} rules={required}>
        <Input />
      </Form.Item>
      <Form.Item name="req_method" label={t('apis.method')}>
        <Select options={METHODS.map((value) => ({ value, label: value }))} />
      </Form.Item>
      <Form.Item name="req_uri" label={t('apis.path')} rules={required}>
        <Input />
      </Form.Item>
      <Form.Item name="backend" label={t('apis.backend')} rules={required}>
        <Input />
      </Form.Item>
      <Trouble error={create.error ?? groups.error} />
      <Flex gap="small" justify="end" style={{ marginTop: 16 }}>
        <Button onClick={onDone}>{t('common.cancel')}</Button>
        <Button type="primary" htmlType="submit" loading={create.isPending}>
          {t('common.create')}
        </Button>
      </Flex>
    </Form>
  );
}
