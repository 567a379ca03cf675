import { authority, type GenOptions, title } from './options.js';

/** For the `http` context, as in /etc/nginx/conf.d/signet.conf. Bodies are not signed: an auth subrequest has none. */
export const nginx = (options: GenOptions): string => `${title('nginx', options)}
map $http_upgrade $signet_connection {
  default upgrade;
  ''      '';
}
upstream signet_signer {
  server ${authority(options.signer)};
  keepalive 32;
}
upstream signet_backend {
  server ${authority(options.upstream)};
  keepalive 32;
}
server {
  listen ${options.listen};
  client_max_body_size 12m;

  location = /_signet_sign {
    internal;
    proxy_pass ${options.signer.protocol}//signet_signer/sign;
    proxy_http_version 1.1;
    proxy_pass_request_body off;
    proxy_set_header Connection "";
    proxy_set_header Content-Length "";
    proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URI $request_uri;
    proxy_set_header X-Original-Host $http_host;
    proxy_set_header X-Original-Content-Length $content_length;
    proxy_set_header X-Original-Transfer-Encoding $http_transfer_encoding;
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
    error_page 403 500 = @signet_refused;

    # An empty value drops the client's own header.
    proxy_set_header Authorization $signet_authorization;
    proxy_set_header X-Sdk-Date $signet_date;
    proxy_set_header X-Sdk-Content-Sha256 $signet_sha256;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $signet_connection;
    proxy_http_version 1.1;
    # What is signed is what is sent: no URI here, and no rewrite above.
    proxy_pass ${options.upstream.protocol}//signet_backend;
  }

  # nginx knows 401 and 403 from auth_request and turns all else into 500: this gives the signer's own answer back.
  location @signet_refused {
    internal;
    default_type application/json;
    add_header Retry-After 1 always;
    if ($signet_code = "") {
      return 503 '{"error_code":"APIG.0705","error_msg":"Backend signature calculation failed. The signer cannot be reached."}';
    }
    if ($signet_status = 403) {
      return 403 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
    }
    if ($signet_status = 404) {
      return 404 '{"error_code":"$signet_code","error_msg":"$signet_message"}';
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
