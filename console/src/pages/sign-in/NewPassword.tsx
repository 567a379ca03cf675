import { Alert, Button, Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';

const MIN_CHARS = 8;
const MAX_CHARS = 1024;

/** The form for a password of one's own, in place of one that must be changed. */
export function NewPassword({
  user,
  busy,
  onSubmit,
}: {
  /** The name, for password managers. */
  user: string;
  busy: boolean;
  onSubmit: (password: string) => void;
}) {
  const { t } = useTranslation();
  return (
    <Form<{ fresh: string }> layout="vertical" requiredMark={false} onFinish={({ fresh }) => onSubmit(fresh)}>
      <Alert type="info" showIcon title={t('signIn.mustChange')} style={{ marginBottom: 16 }} />
      <input type="text" autoComplete="username" value={user} readOnly hidden />
      <Form.Item
        name="fresh"
        label={t('signIn.newPassword')}
        rules={[
          { required: true, message: t('common.required') },
          { min: MIN_CHARS, max: MAX_CHARS, message: t('signIn.passwordLength', { min: MIN_CHARS, max: MAX_CHARS }) },
        ]}
      >
        <Input.Password autoComplete="new-password" autoFocus />
      </Form.Item>
      <Form.Item
        name="again"
        label={t('signIn.newPasswordAgain')}
        dependencies={['fresh']}
        rules={[
          { required: true, message: t('common.required') },
          ({ getFieldValue }) => ({
            validator: (_, value) =>
              !value || value === getFieldValue('fresh') ? Promise.resolve() : Promise.reject(new Error(t('signIn.notTheSame'))),
          }),
        ]}
      >
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Button type="primary" htmlType="submit" block loading={busy}>
        {t('signIn.setPassword')}
      </Button>
    </Form>
  );
}
