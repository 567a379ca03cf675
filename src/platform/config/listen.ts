import type { Values } from './values.js';

/** Where a server listens. */
export interface Listen {
  /** Host name or address; an IPv6 address has no brackets. */
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
}

const PORT_MAX = 65_535;

/** Parses `HOST:PORT`, in which an IPv6 address has brackets. @returns undefined for any other text */
export function hostAndPort(text: string): Listen | undefined {
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text) ?? [];
  return host === undefined || Number(port) > PORT_MAX ? undefined : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Reads `HOST:PORT`, or a port of 127.0.0.1. */
export function listenOf(values: Values, name: string): Listen {
  const text = values.text(name);
  const listen = hostAndPort(/^\d{1,5}$/.test(text) ? `127.0.0.1:${text}` : text);
  if (listen === undefined) values.fault(name, 'must be HOST:PORT, or a port');
  return listen ?? { host: '', port: 0 };
}
