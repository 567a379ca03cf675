import { CheckOutlined, CodeOutlined, CopyOutlined } from '@ant-design/icons';
import { Button, Tooltip } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

const COPIED_MS = 2000;

/** Copies a text to the clipboard. `copied` is true for a moment afterwards. */
function useCopy(): { copied: boolean; copy: (text: string) => void } {
  const [copied, setCopied] = useState(false);
  const copy = (text: string) =>
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), COPIED_MS);
    });
  return { copied, copy };
}

/** Copies a text; says so in the button's name, which screen readers announce. */
export function CopyButton({ text }: { text: string }) {
  const { t } = useTranslation();
  const { copied, copy } = useCopy();
  const name = copied ? t('common.copied') : t('common.copy');
  return (
    <Tooltip title={name}>
      <Button size="small" type="text" aria-label={name} icon={copied ? <CheckOutlined /> : <CopyOutlined />} onClick={() => copy(text)} />
    </Tooltip>
  );
}

/** A request of the service, for whoever wants to script it. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  body?: unknown;
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The call as a curl command for a shell. The token is a variable: the command can be pasted into a ticket. */
function curlOf({ method, path, body }: Call, origin: string): string {
  const lines = [`curl -sS -X ${method} ${quoted(origin + path)}`, `-H "X-Auth-Token: $TOKEN"`];
  if (body !== undefined) lines.push(`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(body))}`);
  return lines.join(' \\\n  ');
}

export function CurlButton({ call }: { call: Call }) {
  const { t } = useTranslation();
  const { copied, copy } = useCopy();
  return (
    <Button icon={copied ? <CheckOutlined /> : <CodeOutlined />} onClick={() => copy(curlOf(call, location.origin))}>
      {copied ? t('common.copied') : t('common.copyCurl')}
    </Button>
  );
}
