import { Button, Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { Secondary } from '../../parts/text.tsx';

/** The form for the passcode of the person's app. */
export function Passcode({ busy, onSubmit }: { busy: boolean; onSubmit: (passcode: string) => void }) {
  const { t } = useTranslation();
  return (
    <Form<{ passcode: string }> layout="vertical" requiredMark={false} onFinish={({ passcode }) => onSubmit(passcode.trim())}>
      <Form.Item name="passcode" label={t('signIn.passcode')} rules={[{ required: true, message: t('common.required') }]}>
        <Input autoComplete="one-time-code" autoFocus />
      </Form.Item>
      <div style={{ marginBottom: 16 }}>
        <Secondary>{t('signIn.passcodeText')}</Secondary>
      </div>
      <Button type="primary" htmlType="submit" block loading={busy}>
        {t('signIn.submit')}
      </Button>
    </Form>
  );
}
