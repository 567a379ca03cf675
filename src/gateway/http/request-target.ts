/** A request target in origin form. If the target was sent in absolute form, the authority is separate (RFC 9112 §3.2.2). */
export interface RequestTarget {
  target: string;
  authority: string | undefined;
}

/** @param url the target in the request line */
export function targetOf(url: string): RequestTarget {
  if (url.startsWith('/')) return { target: url, authority: undefined };
  const [, authority, rest = ''] = ABSOLUTE.exec(url) ?? [];
  // The target has neither form. `admit` refuses it, because no path begins like this.
  if (authority === undefined) return { target: url, authority };
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority };
}
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;
