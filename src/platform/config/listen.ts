import type { Values } from './values.js';

/** Where a server listens. */
export interface Listen {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
}

const PORT_MAX = 65_535;

/** Reads `HOST:PORT`, where an IPv6 address has brackets. @returns undefined for other texts */
export function hostAndPort(text: string): Listen | undefined {
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text) ?? [];
  return host === undefined || Number(port) > PORT_MAX ? undefined : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** HOST:PORT, or a port of 127.0.0.1. */
export function listenOf(values: Values, name: string): Listen {
  const text = values.text(name);
  const listen = hostAndPort(/^\d{1,5}$/.test(text) ? `127.0.0.1:${text}` : text);
  if (listen === undefined) values.fault(name, 'must be HOST:PORT, or a port');
  return listen ?? { host: '', port: 0 };
}
