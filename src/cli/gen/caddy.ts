import { authority, type GenOptions, HEADERS, listenAddress, title } from './options.js';

/** Caddy checks a backend's certificate against the name that it connects to; this sets another authority. */
const tlsTo = ({ upstream, upstreamCa }: GenOptions) =>
  upstream.protocol === 'https:' && upstreamCa !== undefined
    ? ` {\n      transport http {\n        tls_trusted_ca_certs ${upstreamCa}\n      }\n    }`
    : '';

/** A header of the signer's answer. */
const answered = (name: string) => `{http.reverse_proxy.header.${name}}`;

/** A Caddyfile. Bodies are not signed: the auth request is a GET without one. */
export const caddy = (options: GenOptions): string => {
  const { host, port } = listenAddress(options.listen);
  const signers = options.signers.map((url) => (url.protocol === 'https:' ? url.origin : authority(url))).join(' ');
  return `${title('caddy', options)}
http://:${port} {
${host === '' ? '' : `  bind ${host}\n`}  # Only a GET that upgrades to websocket is an upgrade; any other offer is ignored.
  @signet_websocket {
    method GET
    header_regexp Upgrade (?i)^websocket$
    header_regexp Connection (?i)(^|,)\\s*upgrade\\s*(,|$)
  }
  @signet_other not {
    method GET
    header_regexp Upgrade (?i)^websocket$
    header_regexp Connection (?i)(^|,)\\s*upgrade\\s*(,|$)
  }
${HEADERS.map((name) => `  @signet_has_${name.toLowerCase().replaceAll('-', '_')} expression ${answered(name)} != null\n`).join('')}  # In this order: outside a route, Caddy would strip after it has signed.
  route {
    # What a client wrote under these names, or under names that some backends read as these.
${[...HEADERS, 'X-Original-*', 'X-Forwarded-Uri', 'X-Forwarded-Method', '*_*'].map((name) => `    request_header -${name}\n`).join('')}    # A header of the connection must not take the signature away.
    request_header @signet_other -Connection
    request_header @signet_other -Upgrade
    request_header @signet_websocket Connection Upgrade
    request_header @signet_websocket Upgrade websocket
    request_header -HTTP2-Settings
    forward_auth ${signers} {
      uri /sign
      # As the client sent it, before Caddy tidies it: what has two meanings is refused.
      header_up X-Forwarded-Uri {http.request.orig_uri}
      # A signer that hangs holds a request no longer than this.
      transport http {
${options.signers[0]?.protocol === 'https:' ? '        tls\n' : ''}        dial_timeout 1s
        response_header_timeout 2s
      }
    }
    # What the signer has answered, and no empty header for what it has not.
${HEADERS.map((name) => `    request_header @signet_has_${name.toLowerCase().replaceAll('-', '_')} ${name} ${answered(name)}\n`).join('')}    reverse_proxy ${options.upstream.origin}${tlsTo(options)}
  }
}
`;
};
