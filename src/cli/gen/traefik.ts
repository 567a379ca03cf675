import { type GenOptions, HEADERS, listenAddress, title } from './options.js';

/** A dynamic configuration for Traefik 3.3 and newer. Bodies up to 12 MiB are signed. */
export const traefik = (options: GenOptions): string => `${title('traefik', options)}
# Static configuration: entryPoints.signet.address=":${listenAddress(options.listen).port}"
http:
  routers:
    signet:
      entryPoints: [signet]
      rule: PathPrefix(\`/\`)
      middlewares: [signet-forged, signet]
      service: signet-backend
  middlewares:
    signet-forged:
      headers:
        # An empty value removes: a client must not speak for another kind of gateway.
        customRequestHeaders: { X-Original-Uri: "", X-Original-Method: "", X-Original-Host: "" }
    signet:
      forwardAuth:
        address: ${options.signer.origin}/sign
        trustForwardHeader: false
        forwardBody: true
        maxBodySize: 12582912
        authResponseHeaders: [${HEADERS.join(', ')}]
  services:
    signet-backend:
      loadBalancer:
        passHostHeader: true
        servers: [{ url: "${options.upstream.origin}" }]
`;
