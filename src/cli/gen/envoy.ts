import { authority, type GenOptions, HEADERS, listenAddress, title } from './options.js';

const cluster = (name: string, url: URL) => {
  const { hostname } = url;
  const port = authority(url).slice(hostname.length + 1);
  const tls =
    url.protocol === 'https:'
      ? `
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: ${hostname}`
      : '';
  return `    - name: ${name}
      type: STRICT_DNS
      connect_timeout: 5s
      load_assignment:
        cluster_name: ${name}
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: ${hostname}, port_value: ${port} } } }${tls}`;
};

/** A whole envoy.yaml. Bodies up to 1 MiB are signed, larger ones are answered 413. */
export const envoy = (options: GenOptions): string => {
  const { host, port } = listenAddress(options.listen);
  return `${title('envoy', options)}
static_resources:
  listeners:
    - name: signet
      address: { socket_address: { address: ${host || '0.0.0.0'}, port_value: ${port} } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: signet
                # What is signed is what is sent: paths stay as they came.
                normalize_path: false
                merge_slashes: false
                path_with_escaped_slashes_action: KEEP_UNCHANGED
                route_config:
                  virtual_hosts:
                    - name: backend
                      domains: ["*"]
                      # No prefix_rewrite here: ext_authz signs the path before it.
                      routes: [{ match: { prefix: / }, route: { cluster: signet_backend, timeout: 60s } }]
                http_filters:
                  - name: envoy.filters.http.ext_authz
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                      transport_api_version: V3
                      failure_mode_allow: false
                      status_on_error: { code: ServiceUnavailable }
                      # Without it a body would be signed as an empty one, and refused by the backend.
                      with_request_body: { max_request_bytes: 1048576, allow_partial_message: false, pack_as_bytes: true }
                      allowed_headers: { patterns: [{ exact: x-stage }] }
                      http_service:
                        path_prefix: /envoy
                        server_uri: { uri: ${options.signer.origin}, cluster: signet_signer, timeout: 1s }
                        authorization_response:
                          allowed_upstream_headers:
                            patterns: [${HEADERS.map((name) => `{ exact: ${name.toLowerCase()} }`).join(', ')}]
                          allowed_client_headers: { patterns: [{ exact: content-type }, { exact: retry-after }] }
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
${cluster('signet_signer', options.signer)}
${cluster('signet_backend', options.upstream)}
`;
};
