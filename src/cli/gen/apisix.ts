import { authority, FOLDED, type GenOptions, HEADERS, onlySigner, QUESTION, title } from './options.js';

/** An apisix.yaml for the standalone mode; the route alone fits the Admin API too. Bodies are signed. */
export const apisix = (options: GenOptions): string => `${title('apisix', options)}
routes:
  - id: signet-${options.instance}
    uri: /*
    plugins:
      proxy-rewrite:
        # What a client says in the words of a gateway, or in names that some backends read as ours.
        headers: { remove: [${[...QUESTION, ...FOLDED].join(', ')}] }
      forward-auth:
        uri: ${onlySigner('apisix', options).origin}/sign
        # The body goes along with POST only.
        request_method: POST
        request_headers: [X-Stage]
        upstream_headers: [${HEADERS.join(', ')}]
        client_headers: [Content-Type, Retry-After]
        timeout: 1000
        status_on_error: 503
    upstream:
      type: roundrobin
      scheme: ${options.upstream.protocol.slice(0, -1)}
      pass_host: pass
      nodes: { "${authority(options.upstream)}": 1 }
#END
`;
