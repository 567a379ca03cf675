import { authority, type GenOptions, HEADERS, listenAddress, title } from './options.js';

/** A Caddyfile. Bodies are not signed: the auth request is a GET without one. */
export const caddy = (options: GenOptions): string => {
  const { host, port } = listenAddress(options.listen);
  const signer = options.signer.protocol === 'https:' ? options.signer.origin : authority(options.signer);
  return `${title('caddy', options)}
http://:${port} {
${host === '' ? '' : `  bind ${host}\n`}  # In this order: outside a route, Caddy would strip after it has signed.
  route {
${HEADERS.map((name) => `    request_header -${name}\n`).join('')}    forward_auth ${signer} {
      uri /sign
      # A client must not speak for another kind of gateway.
      header_up -X-Original-Uri
      header_up -X-Original-Method
      header_up -X-Original-Host
      copy_headers ${HEADERS.join(' ')}
    }
    reverse_proxy ${options.upstream.origin}
  }
}
`;
};
