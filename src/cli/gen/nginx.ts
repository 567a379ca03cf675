import { authority, bareHost, type GenOptions, SYSTEM_CA, suffix, title } from './options.js';

/** For the `http` context, as in /etc/nginx/conf.d/signet.conf. Bodies are not signed: an auth subrequest has none. */
export const nginx = (options: GenOptions): string => {
  // Names unique to this file, because an nginx may have several of them.
  const own = (name: string) => `signet_${name}_${suffix(options)}`;
  const scheme = options.signers[0]?.protocol ?? 'http:';
  /** TLS to another host: the name is sent (SNI) and must be in the certificate. */
  const tls = (url: URL | undefined, ca: string) =>
    url?.protocol === 'https:'
      ? `    proxy_ssl_server_name on;
    proxy_ssl_name ${bareHost(url.hostname)};
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 3;
    proxy_ssl_trusted_certificate ${ca};
`
      : '';
  return `${title('nginx', options)}
# Only a GET that upgrades to websocket is an upgrade; any other offer is ignored.
map "$request_method:$http_upgrade:$http_connection" $${own('upgrade')} {
  "~*^GET:websocket:(.*, *)?upgrade *(,.*)?$" websocket;
  default                                     "";
}
# The absolute form of another host, or of another scheme, is a request with two meanings. nginx itself refuses two Hosts.
map "$request|$http_host" $${own('two_hosts')} {
  "~^[A-Z]+ /" "";
  "~*^[A-Z]+ https?://([^/?#| ]*)([/?][^|]*)? HTTP/1\\.[01]\\|\\1$" "";
  default      1;
}
map $${own('upgrade')} $${own('connection')} {
  ""      "";
  default upgrade;
}
upstream ${own('signer')} {
${options.signers.map((url) => `  server ${authority(url)} max_fails=1 fail_timeout=5s;\n`).join('')}  keepalive 32;
}
upstream ${own('backend')} {
  server ${authority(options.upstream)};
  keepalive 32;
}
server {
  listen ${options.listen};
  default_type application/json;
  client_max_body_size 12m;
  # Names with _ and the like, which some backends read as ours: dropped, as nginx does unless it is told otherwise.
  underscores_in_headers off;
  ignore_invalid_headers on;
  if ($${own('two_hosts')}) {
    return 400 '{"error_code":"APIG.0201","error_msg":"Bad request. Exactly one Host is required, which must be a name or an address."}';
  }

  location = /_signet_sign {
    internal;
    proxy_pass ${scheme}//${own('signer')}/sign;
    # A signer that hangs holds a request no longer than this.
    proxy_connect_timeout 1s;
    proxy_send_timeout 2s;
    proxy_read_timeout 2s;
    proxy_next_upstream_timeout 4s;
${tls(options.signers[0], SYSTEM_CA)}    proxy_http_version 1.1;
    proxy_pass_request_body off;
    proxy_set_header Connection "";
    proxy_set_header Content-Length "";
    proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URI $request_uri;
    proxy_set_header X-Original-Host $http_host;
    proxy_set_header X-Original-Content-Length $content_length;
    proxy_set_header X-Original-Transfer-Encoding $http_transfer_encoding;
    proxy_set_header Upgrade "";
    # A client must not speak for another kind of gateway.
    proxy_set_header X-Forwarded-Method "";
    proxy_set_header X-Forwarded-Uri "";
  }

  location / {
    auth_request /_signet_sign;
    auth_request_set $signet_status $upstream_status;
    auth_request_set $signet_code $upstream_http_signet_error_code;
    auth_request_set $signet_message $upstream_http_signet_error_message;
    auth_request_set $signet_authorization $upstream_http_authorization;
    auth_request_set $signet_date $upstream_http_x_sdk_date;
    auth_request_set $signet_sha256 $upstream_http_x_sdk_content_sha256;
    auth_request_set $signet_signature_input $upstream_http_signature_input;
    auth_request_set $signet_signature $upstream_http_signature;
    auth_request_set $signet_content_digest $upstream_http_content_digest;
    auth_request_set $signet_retry_after $upstream_http_retry_after;
    error_page 403 500 = @signet_refused;

    # An empty value drops the client's own header.
    proxy_set_header X-Original-Method "";
    proxy_set_header X-Original-URI "";
    proxy_set_header X-Original-Host "";
    proxy_set_header X-Original-Content-Length "";
    proxy_set_header X-Original-Transfer-Encoding "";
    proxy_set_header X-Forwarded-Method "";
    proxy_set_header X-Forwarded-Uri "";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header Authorization $signet_authorization;
    proxy_set_header X-Sdk-Date $signet_date;
    proxy_set_header X-Sdk-Content-Sha256 $signet_sha256;
    proxy_set_header Signature-Input $signet_signature_input;
    proxy_set_header Signature $signet_signature;
    proxy_set_header Content-Digest $signet_content_digest;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $${own('upgrade')};
    proxy_set_header Connection $${own('connection')};
    proxy_set_header HTTP2-Settings "";
    proxy_http_version 1.1;
    # What is signed is what is sent: no URI here, and no rewrite above.
${tls(options.upstream, options.upstreamCa ?? SYSTEM_CA)}    proxy_pass ${options.upstream.protocol}//${own('backend')};
  }

  # nginx knows 401 and 403 from auth_request and turns all else into 500: this gives the signer's own answer back.
  location @signet_refused {
    internal;
    # Only where the signer says so: an empty value is no header.
    add_header Retry-After $signet_retry_after always;
    if ($signet_code = "") {
      add_header Retry-After 1 always;
      return 503 '{"error_code":"APIG.0705","error_msg":"Backend signature calculation failed. The signer cannot be reached."}';
    }
    if ($signet_status = 403) {
      return 403 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
    }
    if ($signet_status = 404) {
      return 404 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
    }
    if ($signet_status = 405) {
      return 405 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
    }
    if ($signet_status = 414) {
      return 414 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
    }
    if ($signet_status = 400) {
      return 400 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
    }
    if ($signet_status = 500) {
      return 500 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
    }
    return 503 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
  }
}
`;
};
