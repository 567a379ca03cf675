import { isIP } from 'node:net';
import { authority, bareHost, type GenOptions, HEADERS, listenAddress, QUESTION, SYSTEM_CA, title } from './options.js';

/** @param urls of one scheme, and for TLS of one name */
const cluster = (name: string, urls: readonly URL[], ca: string) => {
  const [url] = urls as [URL];
  const hostname = bareHost(url.hostname);
  const endpoints = urls.map((each) => {
    const port = authority(each).slice(each.hostname.length + 1);
    return `              - endpoint: { address: { socket_address: { address: "${bareHost(each.hostname)}", port_value: ${port} } } }`;
  });
  const tls =
    url.protocol === 'https:'
      ? `
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: "${hostname}"
          common_tls_context:
            validation_context:
              trusted_ca: { filename: ${ca} }
              match_typed_subject_alt_names: [{ san_type: ${isIP(hostname) === 0 ? 'DNS' : 'IP_ADDRESS'}, matcher: { exact: "${hostname}" } }]`
      : '';
  return `    - name: ${name}
      type: STRICT_DNS
      connect_timeout: 5s
      load_assignment:
        cluster_name: ${name}
        endpoints:
          - lb_endpoints:
${endpoints.join('\n')}${tls}`;
};

/** A whole envoy.yaml. Bodies up to 1 MiB are signed, larger ones are answered 413. */
export const envoy = (options: GenOptions): string => {
  const { host, port } = listenAddress(options.listen);
  return `${title('envoy', options)}
static_resources:
  listeners:
    - name: signet
      address: { socket_address: { address: "${bareHost(host) || '0.0.0.0'}", port_value: ${port} } }
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
                # Names with _, which some backends read as ours, are dropped; the only upgrade is websocket.
                common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }
                upgrade_configs: [{ upgrade_type: websocket }]
                route_config:
                  virtual_hosts:
                    - name: backend
                      domains: ["*"]
                      # Also named in the signer's answer. The body is covered always, so this header never comes from the signer.
                      request_headers_to_remove: [x-sdk-content-sha256, ${QUESTION.map((name) => name.toLowerCase()).join(', ')}]
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
                        server_uri: { uri: "${options.signers[0]?.origin}", cluster: signet_signer, timeout: 1s }
                        authorization_response:
                          allowed_upstream_headers:
                            patterns: [${HEADERS.map((name) => `{ exact: ${name.toLowerCase()} }`).join(', ')}]
                          allowed_client_headers: { patterns: [{ exact: content-type }, { exact: retry-after }] }
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
${cluster('signet_signer', options.signers, SYSTEM_CA)}
${cluster('signet_backend', [options.upstream], options.upstreamCa ?? SYSTEM_CA)}
`;
};
