import { FOLDED, type GenOptions, HEADERS, listenAddress, onlySigner, QUESTION, suffix, title } from './options.js';

/** A dynamic configuration for Traefik 3.3 and newer. Bodies up to 12 MiB are signed. */
export const traefik = (options: GenOptions): string => {
  // Names unique to this file, because a Traefik may have several of them.
  const own = suffix(options);
  return `${title('traefik', options)}
# Static configuration: entryPoints.signet-${own}.address=":${listenAddress(options.listen).port}"
http:
  routers:
    signet-${own}:
      entryPoints: [signet-${own}]
      rule: PathPrefix(\`/\`)
      middlewares: [signet-forged-${own}, signet-${own}]
      service: signet-backend-${own}
  middlewares:
    signet-forged-${own}:
      headers:
        # An empty value removes what a client says in the words of a gateway, or in names that some backends read as ours.
        customRequestHeaders:
${[...QUESTION, 'X-Sdk-Content-Sha256', ...FOLDED].map((name) => `          ${name}: ""`).join('\n')}
    signet-${own}:
      forwardAuth:
        address: ${onlySigner('traefik', options).origin}/sign
        trustForwardHeader: false
        forwardBody: true
        maxBodySize: 12582912
        authResponseHeaders: [${HEADERS.join(', ')}]
  services:
    signet-backend-${own}:
      loadBalancer:
        passHostHeader: true
        servers: [{ url: "${options.upstream.origin}" }]
`;
};
