/** A request target in origin form, and the authority if it was sent in absolute form (RFC 9112 §3.2.2). */
export interface RequestTarget {
  target: string;
  authority: string | undefined;
}

/** @param url the target of the request line */
export function targetOf(url: string): RequestTarget {
  if (url.startsWith('/')) return { target: url, authority: undefined };
  const [, authority, rest = ''] = ABSOLUTE.exec(url) ?? [];
  // Neither form: `admit` refuses it, because no path begins like this.
  if (authority === undefined) return { target: url, authority };
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority };
}
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;
