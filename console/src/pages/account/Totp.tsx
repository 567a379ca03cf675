import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Flex, Form, Input, Modal, QRCode, Tag } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isNotFound } from 'signet-client';
import { api } from '../../api/client.ts';
import { useSession } from '../../app/session.ts';
import { Code, Id, Secondary } from '../../parts/text.tsx';
import { Trouble } from '../../parts/trouble.tsx';

/** What the dialog is about. */
type Dialog = 'enable' | 'disable' | undefined;

/** One-time passwords of the person: whether there are some, enabling and disabling them. */
export function Totp() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const queryKey = ['my-totp', useSession()?.user.id];
  const [dialog, setDialog] = useState<Dialog>();
  const state = useQuery({ queryKey, queryFn: async ({ signal }) => (await api.GET('/signet/v1/me/totp', { signal })).data });
  const changed = () => queries.invalidateQueries({ queryKey });
  // With another identity service there are none here.
  if (isNotFound(state.error)) return null;
  const enabled = state.data?.enabled;
  return (
    <Card
      title={t('account.totp')}
      extra={
        enabled !== undefined && <Tag color={enabled ? 'success' : 'default'}>{t(enabled ? 'account.totpOn' : 'account.totpOff')}</Tag>
      }
    >
      <Flex vertical gap="middle" align="start">
        <Secondary>{t('account.totpText')}</Secondary>
        <Trouble error={state.error} onRetry={() => void state.refetch()} />
        {enabled === false && (
          <Button type="primary" onClick={() => setDialog('enable')}>
            {t('account.totpEnable')}
          </Button>
        )}
        {enabled && (
          <>
            <span>{t('account.codesLeft', { left: state.data?.recovery_codes ?? 0 })}</span>
            <Button danger onClick={() => setDialog('disable')}>
              {t('account.totpDisable')}
            </Button>
          </>
        )}
      </Flex>
      {dialog === 'enable' && <Enable onClose={() => setDialog(undefined)} onChanged={changed} />}
      {dialog === 'disable' && <Disable onClose={() => setDialog(undefined)} onChanged={changed} />}
    </Card>
  );
}

interface Ends {
  onClose: () => void;
  onChanged: () => Promise<void>;
}

/** First the password, then the secret and its first code, then the recovery codes. */
function Enable({ onClose, onChanged }: Ends) {
  const { t } = useTranslation();
  const [form] = Form.useForm<{ password?: string; passcode?: string }>();
  const create = useMutation({
    mutationFn: async (password: string) => (await api.POST('/signet/v1/me/totp', { body: { password } })).data,
  });
  const confirm = useMutation({
    mutationFn: async (passcode: string) => (await api.POST('/signet/v1/me/totp/confirm', { body: { passcode } })).data,
    onSuccess: onChanged,
  });
  const required = [{ required: true, message: t('common.required') }];
  const codes = confirm.data?.recovery_codes;
  return (
    <Modal
      open
      title={t('account.totpEnable')}
      okText={t(codes ? 'account.codesKept' : 'account.next')}
      cancelButtonProps={{ hidden: codes !== undefined }}
      mask={{ closable: false }}
      confirmLoading={create.isPending || confirm.isPending}
      onOk={() => (codes ? onClose() : form.submit())}
      onCancel={onClose}
    >
      <Flex vertical gap="middle">
        <Trouble error={create.error ?? confirm.error} />
        {codes ? (
          <>
            <Alert type="warning" showIcon title={t('account.codesText')} />
            <Code text={codes.join('\n')} label={t('account.codes')} />
          </>
        ) : (
          <Form
            form={form}
            layout="vertical"
            requiredMark={false}
            onFinish={({ password = '', passcode = '' }) => (create.data ? confirm.mutate(passcode.trim()) : create.mutate(password))}
          >
            {create.data ? (
              <Flex vertical gap="middle">
                <span>{t('account.totpScan')}</span>
                {/* Whoever cannot see it has the secret below. */}
                <div aria-hidden>
                  <QRCode type="svg" value={create.data.uri} color="#000000" bgColor="#ffffff" />
                </div>
                <Id>{create.data.secret}</Id>
                <Form.Item name="passcode" label={t('account.firstCode')} rules={required}>
                  <Input autoComplete="one-time-code" inputMode="numeric" maxLength={6} autoFocus />
                </Form.Item>
              </Flex>
            ) : (
              <Form.Item name="password" label={t('signIn.password')} rules={required}>
                <Input.Password autoComplete="current-password" autoFocus />
              </Form.Item>
            )}
          </Form>
        )}
      </Flex>
    </Modal>
  );
}

function Disable({ onClose, onChanged }: Ends) {
  const { t } = useTranslation();
  const [form] = Form.useForm<{ password: string; passcode: string }>();
  const disable = useMutation({
    mutationFn: ({ password, passcode }: { password: string; passcode: string }) =>
      api.POST('/signet/v1/me/totp/disable', { body: { password, passcode: passcode.trim() } }),
    onSuccess: async () => {
      await onChanged();
      onClose();
    },
  });
  const required = [{ required: true, message: t('common.required') }];
  return (
    <Modal
      open
      title={t('account.totpDisable')}
      okText={t('account.totpDisable')}
      okButtonProps={{ danger: true }}
      confirmLoading={disable.isPending}
      onOk={() => form.submit()}
      onCancel={onClose}
    >
      <Trouble error={disable.error} />
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(given) => disable.mutate(given)}>
        <Form.Item name="password" label={t('signIn.password')} rules={required}>
          <Input.Password autoComplete="current-password" autoFocus />
        </Form.Item>
        <Form.Item name="passcode" label={t('signIn.passcode')} extra={t('signIn.passcodeText')} rules={required}>
          <Input autoComplete="one-time-code" />
        </Form.Item>
      </Form>
    </Modal>
  );
}
