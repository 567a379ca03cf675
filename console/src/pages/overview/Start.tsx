import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal, Skeleton } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate } from 'react-router';
import { api } from '../../api/client.ts';
import { useSession } from '../../app/session.ts';
import { useGateway, useGateways } from '../../app/Shell.tsx';
import { GuardedButton } from '../../parts/guarded.tsx';
import { Nothing, Page } from '../../parts/page.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** The first page: the last gateway's overview, or the offer to create the first gateway. */
export function Start() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const session = useSession()!;
  const gateways = useGateways();
  const gateway = useGateway();
  const [open, setOpen] = useState(false);
  const [form] = Form.useForm<{ name: string }>();
  const create = useMutation({
    mutationFn: async ({ name }: { name: string }) =>
      (
        await api.POST('/v2/{project_id}/apigw/instances', {
          params: { path: { project_id: session.project.id } },
          body: {
            instance_name: name,
            spec_id: 'BASIC',
            available_zone_ids: ['local'],
            vpc_id: 'local',
            subnet_id: 'local',
            security_group_id: 'local',
          },
        })
      ).data,
    onSuccess: async ({ instance_id }) => {
      await queries.invalidateQueries({ queryKey: ['instances'] });
      void navigate(`/gateways/${instance_id}`);
    },
  });
  if (gateways.isPending) return <Skeleton active />;
  if (gateways.error) return <Trouble error={gateways.error} onRetry={() => void gateways.refetch()} />;
  if (gateway !== undefined) return <Navigate to={`/gateways/${gateway}`} replace />;
  return (
    <Page title={t('overview.title')}>
      <Nothing text={t('app.noGateway')} advice={t('app.noGatewayAdvice')}>
        <GuardedButton action="apig:instances:create" type="primary" onClick={() => setOpen(true)}>
          {t('app.createGateway')}
        </GuardedButton>
      </Nothing>
      <Modal
        open={open}
        title={t('app.createGateway')}
        okText={t('common.create')}
        confirmLoading={create.isPending}
        onCancel={() => setOpen(false)}
        onOk={() => form.submit()}
      >
        <Trouble error={create.error} />
        <Form form={form} layout="vertical" onFinish={(given) => create.mutate(given)}>
          <Form.Item name="name" label={t('app.gatewayName')} rules={[{ required: true, message: t('common.required') }]}>
            <Input autoFocus />
          </Form.Item>
        </Form>
      </Modal>
    </Page>
  );
}
