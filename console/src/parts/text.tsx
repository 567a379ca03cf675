import { Tooltip, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { usePreferences } from '../app/preferences.ts';
import { CopyButton } from './copy.tsx';

/** A time of the service in local time; UTC in its tooltip. */
export function Moment({ at }: { at: string | null | undefined }) {
  const { t } = useTranslation();
  const { language } = usePreferences();
  if (!at) return <span>{t('common.never')}</span>;
  const date = new Date(at);
  const local = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(date);
  return (
    <Tooltip title={date.toISOString()}>
      <time dateTime={date.toISOString()}>{local}</time>
    </Tooltip>
  );
}

/** A name that a caller chose: text of any script, apart from what surrounds it. */
export const Name = ({ children }: { children: string }) => (
  <span className="name" dir="auto">
    {children}
  </span>
);

/** An id with a button that copies it. */
export const Id = ({ children }: { children: string }) => (
  <span className="mono">
    {children} <CopyButton text={children} />
  </span>
);

/** Program text or a command, with a button that copies it. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div role="group" aria-label={label}>
      <div style={{ textAlign: 'end' }}>
        <CopyButton text={text} />
      </div>
      {/* Long lines scroll, also by the keyboard. */}
      <pre className="pre" tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}

export const Secondary = ({ children }: { children: React.ReactNode }) => <Typography.Text type="secondary">{children}</Typography.Text>;
