import { USAGE_TABLE } from '../../gateway/haproxy-socket.js';
import { authority, type GenOptions, title } from './options.js';

const answer = (status: number, code: string, message: string, headers = '') =>
  `http-request return status ${status} content-type application/json string '{"error_code":"${code}","error_msg":"${message}"}'${headers}`;
const NO_SIGNATURE = 'Backend signature calculation failed.';
const SIGNED = 'host;x-sdk-content-sha256;x-sdk-date';
/** Of the admin socket's HAProxy: what SIGNET_GATEWAY_HAPROXY_DRAIN_MS says as well. */
const HARD_STOP = '10s';

/** A whole haproxy.cfg, for HAProxy 2.6 and newer. It signs by itself, with keys that a `signet gateway` puts into its maps. */
export const haproxy = (options: GenOptions): string => {
  const maps = options.maps;
  const tooLarge = options.largeBody === 'refuse';
  return `${title('haproxy', options)}
# Beside it: signet gen haproxy --lua > ${maps}/signet.lua
#            touch ${maps}/keys.map ${maps}/exact.map ${maps}/patterns.map ${maps}/lease.map    (they stay empty: keys are in memory only)
#            SIGNET_GATEWAY_HAPROXY_SOCKET=${options.socket} SIGNET_GATEWAY_HAPROXY_MAPS=${maps} signet gateway
global
  stats socket ${options.socket} mode 600 level admin
  lua-load ${maps}/signet.lua
  # A body is signed when it fits into one buffer.
  tune.bufsize 65536
  # After a reload old workers keep old keys for so long.
  hard-stop-after ${HARD_STOP}

defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 300s
  timeout http-request 10s

frontend signet
  bind ${options.listen.includes(':') ? options.listen : `:${options.listen}`}

  # No keys yet, or the lease is over.
  http-request set-var(txn.end) str(end),map_str_int(${maps}/lease.map,0)
  ${answer(503, 'APIG.0705', `${NO_SIGNATURE} The gateway has no keys.`, ' hdr Retry-After 1')} if { date,sub(txn.end) -m int ge 0 }

  # Which API, and which key.
  http-request set-var(txn.env) str(RELEASE)
  http-request set-var(txn.env) req.hdr(x-stage) if { req.hdr(x-stage) -m found }
  http-request set-var-fmt(txn.own) "%[var(txn.env)]|%[method]|%[path]"
  http-request set-var-fmt(txn.any) "%[var(txn.env)]|ANY|%[path]"
  http-request set-var(txn.route) var(txn.own),map_str(${maps}/exact.map)
  http-request set-var(txn.route) var(txn.any),map_str(${maps}/exact.map) unless { var(txn.route) -m found }
  http-request set-var(txn.route) var(txn.own),map_reg(${maps}/patterns.map) unless { var(txn.route) -m found }
  ${answer(404, 'APIG.0101', 'The API does not exist or has not been published in the environment.')} unless { var(txn.route) -m found }
  # The key's name, and after it what is counted under: publication and key.
  http-request set-var(txn.key) var(txn.route),field(1,|)
  ${answer(403, 'APIG.0705', `${NO_SIGNATURE} No signature key is bound to the API.`)} if { var(txn.key) -m str !unbound }
  ${answer(500, 'APIG.0705', `${NO_SIGNATURE} This kind of key cannot sign here.`)} if { var(txn.key) -m str !unsupported }
  acl unsigned var(txn.key) -m str !unsigned
  http-request set-var(txn.secret) var(txn.key),map_str(${maps}/keys.map) unless unsigned
  ${answer(403, 'APIG.0705', `${NO_SIGNATURE} The signature key of the API was deleted.`)} unless unsigned || { var(txn.secret) -m found }

  # The body, as far as it fits. HAProxy hashes what it has, so a part must never be taken for the whole.
  http-request wait-for-body time 2s if { req.hdr(content-length) -m found } || { req.hdr(transfer-encoding) -m found }
  http-request del-header expect
  http-request set-var(txn.length) req.body_len
  acl partial req.body_size,sub(txn.length) -m int gt 0
  acl chunked req.hdr(transfer-encoding) -m found
${tooLarge ? `  ${answer(413, 'APIG.0201', 'Request entity too large.')} if !unsigned partial or !unsigned chunked\n` : ''}  http-request set-var(txn.hash) str(UNSIGNED-PAYLOAD) if partial or chunked
  http-request set-var(txn.hash) req.body,sha2(256),hex,lower unless { var(txn.hash) -m found }

  # SDK-HMAC-SHA256.
  http-request set-var(txn.date) date,utime("%Y%m%dT%H%M%SZ")
  http-request set-var(txn.target) pathq,lua.signet_canonical
  http-request set-var-fmt(txn.canonical) "%[method]\\n%[var(txn.target)]\\nhost:%[req.hdr(host)]\\nx-sdk-content-sha256:%[var(txn.hash)]\\nx-sdk-date:%[var(txn.date)]\\n\\n${SIGNED}\\n%[var(txn.hash)]"
  http-request set-var(txn.digest) var(txn.canonical),sha2(256),hex,lower
  http-request set-var-fmt(txn.sts) "SDK-HMAC-SHA256\\n%[var(txn.date)]\\n%[var(txn.digest)]"
  http-request set-var(txn.signature) var(txn.sts),hmac(sha256,txn.secret),hex,lower unless unsigned

  # Whatever the client sent under these names is replaced.
  http-request set-header Authorization "SDK-HMAC-SHA256 Access=%[var(txn.key)], SignedHeaders=${SIGNED}, Signature=%[var(txn.signature)]" unless unsigned
  http-request set-header X-Sdk-Date "%[var(txn.date)]" unless unsigned
  http-request set-header X-Sdk-Content-Sha256 "%[var(txn.hash)]" unless unsigned
  http-request set-header Authorization unsigned if unsigned
  http-request set-header X-Sdk-Date unsigned if unsigned
  http-request set-header X-Sdk-Content-Sha256 unsigned if unsigned

  # One signature more, for the node to report.
  http-request track-sc0 var(txn.route) table ${USAGE_TABLE} unless unsigned
  http-request sc-inc-gpc0(0) unless unsigned
  default_backend signet_backend

backend ${USAGE_TABLE}
  stick-table type string len 160 size 100k expire 24h store gpc0

backend signet_backend
  server backend ${authority(options.upstream)}${options.upstream.protocol === 'https:' ? ' ssl verify required ca-file @system-ca' : ''}
`;
};

/** The canonical path and query: string work that HAProxy's converters cannot do. The same rules as src/lib/signing. */
export const haproxyLua = `-- Signet: canonical path, a line feed, canonical query. Loaded by the configuration that signet gen haproxy prints.
local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function encode(bytes)
  return (bytes:gsub("[^A-Za-z0-9%-._~]", function(byte) return string.format("%%%02X", byte:byte()) end))
end

local function by_name_then_value(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] < b[2]
end

local function canonical_path(path)
  local encoded = path:gsub("[^/]+", function(segment) return encode(decode(segment)) end)
  if encoded:sub(-1) ~= "/" then encoded = encoded .. "/" end
  return encoded
end

local function canonical_query(query)
  local pairs_found = {}
  for pair in query:gmatch("[^&]+") do
    -- A plus sign is a space in a query, and nowhere else.
    local text = pair:gsub("+", " ")
    local name, value = text:match("^([^=]*)=(.*)$")
    pairs_found[#pairs_found + 1] = { decode(name or text), decode(value or "") }
  end
  table.sort(pairs_found, by_name_then_value)
  for i, pair in ipairs(pairs_found) do pairs_found[i] = encode(pair[1]) .. "=" .. encode(pair[2]) end
  return table.concat(pairs_found, "&")
end

core.register_converters("signet_canonical", function(target)
  local path, query = target:match("^([^?]*)%??(.*)$")
  return canonical_path(path) .. "\\n" .. canonical_query(query)
end)
`;
