import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Descriptions, Drawer, Flex, Form, Input, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { DataTable, PAGE_SIZE, paged } from '../../parts/DataTable.tsx';
import { CopyButton, CurlButton } from '../../parts/copy.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing, Page } from '../../parts/page.tsx';
import { Moment, Name } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** docs/contracts/apig.md §1.2 */
const NAME = /^[\p{Script=Han}A-Za-z][\p{Script=Han}\w-]{2,63}$/u;

interface NewKey {
  name: string;
  sign_type: 'hmac' | 'basic' | 'public_key' | 'aes';
  sign_algorithm?: 'aes-128-cfb' | 'aes-256-cfb';
  sign_key?: string;
  sign_secret?: string;
}

/** The signature keys of a gateway, page by page from the service, and the form for a new one. */
export function Keys() {
  const { t } = useTranslation();
  const place = usePlace();
  const [search, setSearch] = useSearchParams();
  const page = Math.max(1, Number(search.get('page') ?? 1) || 1);
  const name = search.get('name') ?? '';
  const keys = useQuery({
    queryKey: ['signs', place.instance_id, page, name],
    queryFn: async ({ signal }) =>
      (
        await api.GET('/v2/{project_id}/apigw/instances/{instance_id}/signs', {
          signal,
          params: { path: place, query: { offset: (page - 1) * PAGE_SIZE, limit: PAGE_SIZE, ...(name !== '' && { name }) } },
        })
      ).data,
    placeholderData: keepPreviousData,
  });
  const change = (next: Record<string, string | undefined>) => {
    const params = new URLSearchParams(search);
    for (const [key, value] of Object.entries(next))
      if (value === undefined || value === '') params.delete(key);
      else params.set(key, value);
    setSearch(params, { replace: true });
  };
  const creating = search.has('create');
  return (
    <Page
      title={t('keys.title')}
      actions={
        <GuardedButton action="apig:signs:create" type="primary" onClick={() => change({ create: '1' })}>
          {t('keys.create')}
        </GuardedButton>
      }
    >
      <Input.Search
        allowClear
        aria-label={t('common.search')}
        placeholder={t('common.search')}
        defaultValue={name}
        style={{ maxWidth: 320 }}
        onSearch={(text) => change({ name: text, page: undefined })}
      />
      <Trouble error={keys.error} onRetry={() => void keys.refetch()} />
      <DataTable
        rowKey="id"
        loading={keys.isFetching}
        dataSource={keys.data?.signs ?? []}
        pagination={paged(page, keys.data?.total, (to) => change({ page: String(to) }))}
        locale={{
          emptyText:
            keys.data === undefined ? (
              ' '
            ) : name === '' ? (
              <Nothing text={t('keys.empty')} advice={t('keys.emptyAdvice')} />
            ) : (
              <Nothing text={t('keys.emptyFound')} />
            ),
        }}
        columns={[
          {
            title: t('common.name'),
            render: (_, key) => (
              <Link to={key.id}>
                <Name>{key.name}</Name>
              </Link>
            ),
          },
          { title: t('common.type'), dataIndex: 'sign_type' },
          { title: t('keys.bound'), dataIndex: 'bind_num', align: 'end' },
          { title: t('common.created'), render: (_, key) => <Moment at={key.create_time} /> },
          {
            title: t('common.actions'),
            align: 'end',
            render: (_, key) => (
              <Link to={`${key.id}/delete`} aria-label={`${t('common.delete')} ${key.name}`}>
                {t('common.delete')}
              </Link>
            ),
          },
        ]}
      />
      <Drawer open={creating} onClose={() => change({ create: undefined })} title={t('keys.createTitle')} size={480} destroyOnHidden>
        <NewKeyForm onDone={() => change({ create: undefined })} />
      </Drawer>
    </Page>
  );
}

function NewKeyForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const place = usePlace();
  const queries = useQueryClient();
  const [form] = Form.useForm<NewKey>();
  const type = Form.useWatch('sign_type', form) ?? 'hmac';
  const given = Form.useWatch([], form) as Partial<NewKey> | undefined;
  const bodyOf = (values: Partial<NewKey>) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== '')) as unknown as NewKey;
  const create = useMutation({
    mutationFn: async (values: NewKey) =>
      (await api.POST('/v2/{project_id}/apigw/instances/{instance_id}/signs', { params: { path: place }, body: bodyOf(values) })).data,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['signs', place.instance_id] }),
  });
  if (create.data) {
    const { id, name, sign_key, sign_secret } = create.data;
    return (
      <Flex vertical gap="middle">
        <Alert type="success" showIcon title={t('keys.created', { name })} description={t('keys.createdAdvice')} />
        <Descriptions
          column={1}
          bordered
          size="small"
          items={[
            { key: 'key', label: t('keys.key'), children: <Shown text={sign_key} /> },
            { key: 'secret', label: t('keys.secret'), children: <Shown text={sign_secret} /> },
          ]}
        />
        <Flex gap="small" justify="end">
          <Button onClick={onDone}>{t('common.close')}</Button>
          <Link to={id}>
            <Button type="primary">{t('keys.open')}</Button>
          </Link>
        </Flex>
      </Flex>
    );
  }
  return (
    <Form<NewKey> form={form} layout="vertical" initialValues={{ sign_type: 'hmac' }} onFinish={(values) => create.mutate(values)}>
      <Form.Item
        name="name"
        label={t('common.name')}
        extra={t('keys.nameRule')}
        rules={[
          { required: true, message: t('common.required') },
          { pattern: NAME, message: t('keys.nameRule') },
        ]}
      >
        <Input autoFocus />
      </Form.Item>
      <Form.Item name="sign_type" label={t('common.type')}>
        <Select options={(['hmac', 'basic', 'public_key', 'aes'] as const).map((value) => ({ value, label: t(`keys.types.${value}`) }))} />
      </Form.Item>
      {type === 'aes' && (
        <Form.Item name="sign_algorithm" label={t('keys.algorithm')} initialValue="aes-256-cfb">
          <Select options={['aes-128-cfb', 'aes-256-cfb'].map((value) => ({ value, label: value }))} />
        </Form.Item>
      )}
      <Form.Item name="sign_key" label={t('keys.key')} extra={t('keys.generate')}>
        <Input autoComplete="off" />
      </Form.Item>
      <Form.Item name="sign_secret" label={t('keys.secret')} extra={t('keys.generate')}>
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Trouble error={create.error} />
      <Flex gap="small" justify="end" wrap style={{ marginTop: 16 }}>
        <CurlButton
          call={{
            method: 'POST',
            path: `/v2/${place.project_id}/apigw/instances/${place.instance_id}/signs`,
            // The secret stays out of what may be pasted into a ticket.
            body: bodyOf({ ...given, sign_secret: given?.sign_secret ? '…' : '' }),
          }}
        />
        <Button onClick={onDone}>{t('common.cancel')}</Button>
        <Button type="primary" htmlType="submit" loading={create.isPending}>
          {t('common.create')}
        </Button>
      </Flex>
    </Form>
  );
}

const Shown = ({ text }: { text: string }) => (
  <span className="mono">
    {text} <CopyButton text={text} />
  </span>
);
