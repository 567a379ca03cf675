import { Alert, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { SignetError } from 'signet-client';
import { CopyButton } from './copy.tsx';

const unreachable = (error: unknown) =>
  error instanceof SignetError && (error.code === 'client.unreachable' || error.code === 'client.timed_out' || error.status === 503);

/** A failed call: the contract's code and message, the field at fault, and the request's id for the log. */
export function Trouble({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  if (!error) return null;
  const { code, message, field, requestId } =
    error instanceof SignetError ? error : { code: '', message: error instanceof Error ? error.message : '' };
  const away = unreachable(error);
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={away ? t('error.unreachable') : t('error.title')}
      description={
        <>
          <div>
            {code && <code>{code}</code>} {message}
          </div>
          {field && (
            <div>
              {t('error.field')}: <code>{field}</code>
            </div>
          )}
          {away && <div>{t('error.unreachableAdvice')}</div>}
          {requestId && (
            <div>
              {t('error.request')}: <code>{requestId}</code> <CopyButton text={requestId} />
            </div>
          )}
        </>
      }
      action={onRetry && <Button onClick={onRetry}>{t('common.retry')}</Button>}
    />
  );
}
