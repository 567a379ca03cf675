import { Flex, Typography } from 'antd';
import { useEffect } from 'react';

/** A page's title, what can be done there, and its content. */
export function Page({
  title,
  heading,
  actions,
  children,
}: {
  title: string;
  heading?: React.ReactNode;
  actions?: React.ReactNode;
  children: React.ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Signet`;
  }, [title]);
  return (
    <Flex vertical gap="middle">
      <Flex justify="space-between" align="center" wrap gap="small">
        <Typography.Title level={1} style={{ margin: 0, fontSize: '1.5rem' }}>
          {heading ?? title}
        </Typography.Title>
        {actions && (
          <Flex gap="small" wrap>
            {actions}
          </Flex>
        )}
      </Flex>
      {children}
    </Flex>
  );
}

/** What is not there yet: what it is for, and the first step. */
export function Nothing({ text, advice, children }: { text: string; advice?: string; children?: React.ReactNode }) {
  return (
    <Flex vertical align="center" gap="small" style={{ padding: '2rem 1rem', textAlign: 'center' }}>
      <Typography.Text strong>{text}</Typography.Text>
      {advice && <Typography.Text type="secondary">{advice}</Typography.Text>}
      {children}
    </Flex>
  );
}
