import { ENVIRONMENT_NAME, METHODS } from '../../gateway/http/admission.js';
import { NO_KEY } from '../../gateway/haproxy/haproxy-maps.js';
import { usageTable } from '../../gateway/haproxy/haproxy-admin-connection.js';
import { authority, type GenOptions, title } from './options.js';

const answer = (status: number, code: string, message: string, headers = '') =>
  `http-request return status ${status} content-type application/json string '{"error_code":"${code}","error_msg":"${message}"}'${headers}`;
const NO_SIGNATURE = 'Backend signature calculation failed.';
/** Only the payload line covers the body: a backend that gets the hash in a header may trust it and not hash the body. */
const SIGNED = 'host;x-sdk-date';
const SIGNED_WITHOUT_BODY = 'host;x-sdk-content-sha256;x-sdk-date';
/** `hard-stop-after` of this HAProxy; SIGNET_GATEWAY_HAPROXY must have the same value. */
const HARD_STOP = '10s';
/** A character class avoids the backslash, which HAProxy would interpret. */
const HOST = '^([A-Za-z0-9._-]{1,255}|[[][0-9A-Fa-f:.]{2,45}[]])(:[0-9]{1,5})?$';
/** The canonical request is three times as long at most, and must fit into one buffer. */
const TARGET_MAX = 16_384;

/** Matches a header name as CGI and WSGI normalise it: `X_Sdk_Date` and `X.Sdk.Date` become `X-Sdk-Date`. */
const folded = (name: string) => name.replaceAll('-', '[^a-z0-9]');
const OURS = [
  'x-sdk-date',
  'x-sdk-content-sha256',
  'signature-input',
  'signature',
  'content-digest',
  'x-original-.*',
  'x-forwarded-uri',
  'x-forwarded-method',
]
  .map(folded)
  .join('|');
const ODDLY_SPELT = ['x-stage', 'x-forwarded-', 'content-length', 'transfer-encoding'].map(folded).join('|');
/**
 * Hop-by-hop headers of the client's connection (RFC 9110 §7.6.1), because a later hop would remove the headers that Connection names; and
 * headers that HAProxy answers or sets itself.
 */
const DROPPED = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'expect',
  'forwarded',
];

/** A whole haproxy.cfg, for HAProxy 2.6 and newer. It signs by itself, with keys that a `signet gateway` puts into its maps. */
export const haproxy = (options: GenOptions): string => {
  const { maps, instance, environment } = options;
  const tooLarge = options.largeBody === 'refuse';
  const serverTls = ` ssl verify required ca-file ${options.upstreamCa ?? '@system-ca'} ${sni(options.upstream.hostname)}alpn http/1.1`;
  return `${title('haproxy', options)}
# Beside it: signet gen haproxy --lua --instance ${instance} > ${maps}/signet.lua
#            touch ${maps}/keys.map ${maps}/exact.map ${maps}/patterns.map ${maps}/lease.map ${maps}/settings.map
#                  (they stay empty: keys are in memory only)
#            SIGNET_GATEWAY_HAPROXY=socket=${options.socket},maps=${maps} signet gateway
global
  stats socket ${options.socket} mode 600 level admin
  lua-load-per-thread ${maps}/signet.lua
  # A body is signed when it fits into one buffer.
  tune.bufsize 65536
  # After a reload old workers keep old keys for so long.
  hard-stop-after ${HARD_STOP}

defaults signet-${instance}
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 300s
  timeout http-request 10s

frontend signet-${instance} from signet-${instance}
  bind ${options.listen.includes(':') ? options.listen : `:${options.listen}`}
  option disable-h2-upgrade
  option forwardfor

  # What two readers could read in two ways is refused before anything is looked up.
  ${answer(405, 'APIG.0201', 'Method not allowed.', ` hdr Allow "${METHODS.join(', ')}"`)} unless { method -m str ${METHODS.join(' ')} }
  ${answer(400, 'APIG.0201', 'Bad request. Exactly one Host is required, which must be a name or an address.')} unless { req.fhdr_cnt(host) 1 } { req.fhdr(host) -m reg ${HOST} }
  ${answer(414, 'APIG.0201', 'Request URI too large.')} if { pathq,length gt ${TARGET_MAX} }
  http-request set-var(txn.absolute) bool(true) if { url -m beg -i http:// https:// }
  http-request set-uri / if { var(txn.absolute) -m bool } !{ pathq -m beg / }
  http-request set-uri %[pathq] if { var(txn.absolute) -m bool }
  ${answer(400, 'APIG.0201', 'Bad request.')} unless { url -m beg / }
  ${answer(400, 'APIG.0201', 'Bad request.')} if { req.ver 1.0 } { req.fhdr(transfer-encoding) -m found }
  http-request set-var(txn.env) str(RELEASE)
  http-request set-var(txn.env) req.fhdr(x-stage) if { req.fhdr(x-stage) -m len gt 0 }
  ${answer(400, 'APIG.0201', 'Bad request. X-Stage must be the name of one environment.')} if { req.fhdr_cnt(x-stage) gt 1 } or !{ var(txn.env) -m reg ${ENVIRONMENT_NAME.source} }
${environment === undefined ? '' : `  http-request set-var(txn.env) str(${environment})\n`}
  # The body, as far as it fits. HAProxy hashes what it has, so a part must never be taken for the whole.
  http-request wait-for-body time 2s if { req.fhdr(content-length) -m found } || { req.fhdr(transfer-encoding) -m found }
  http-request set-var(txn.length) req.body_len
  acl partial req.body_size,sub(txn.length) -m int gt 0
  acl chunked req.fhdr(transfer-encoding) -m found

  # Whether everybody reads the same path.
  http-request set-var(txn.read) pathq,lua.signet_read
  http-request set-var(txn.path) var(txn.read),field(2,|)
  http-request set-var(txn.target) var(txn.read),field(3,|)
  ${answer(400, 'APIG.0201', 'Bad request. The path can be read in more than one way.')} unless { var(txn.path) -m beg / }
  ${answer(400, 'APIG.0201', 'Bad request. The path can be read in more than one way.')} if { var(txn.path) -m sub %2F } !{ str(encoded_slashes),map_str(${maps}/settings.map,refuse) -m str pass }

  # No keys yet, or the lease is over: by the wall clock or by HAProxy's own clock, which never goes back. This and the keys are
  # looked up once the body is here, since much can have changed meanwhile.
  http-request set-var(txn.wall_end) str(wall),map_str_int(${maps}/lease.map,0)
  http-request set-var(txn.uptime_end) str(uptime_ms),map_str_int(${maps}/lease.map,0)
  ${answer(503, 'APIG.0705', `${NO_SIGNATURE} The gateway has no keys.`, ' hdr Retry-After 1')} if { date,sub(txn.wall_end) -m int ge 0 } or !{ var(txn.read),field(1,|),sub(txn.uptime_end) -m int lt 0 }

  # Which API, and which key.
  http-request set-var-fmt(txn.own) "%[var(txn.env)]|%[method]|%[var(txn.path)]"
  http-request set-var-fmt(txn.any) "%[var(txn.env)]|ANY|%[var(txn.path)]"
  http-request set-var(txn.route) var(txn.own),map_str(${maps}/exact.map)
  http-request set-var(txn.route) var(txn.any),map_str(${maps}/exact.map) unless { var(txn.route) -m found }
  http-request set-var(txn.route) var(txn.own),map_reg(${maps}/patterns.map) unless { var(txn.route) -m found }
  ${answer(404, 'APIG.0101', 'The API does not exist or has not been published in the environment.')} unless { var(txn.route) -m found }
  # The key's id, and after it the publication: together what is counted under.
  http-request set-var(txn.key) var(txn.route),field(1,|)
  ${answer(403, 'APIG.0705', `${NO_SIGNATURE} No signature key is bound to the API.`)} if { var(txn.key) -m str ${NO_KEY.unbound} }
  ${answer(500, 'APIG.0705', `${NO_SIGNATURE} This kind of key cannot sign here.`)} if { var(txn.key) -m str ${NO_KEY.unsupported} }
  acl unsigned var(txn.key) -m str ${NO_KEY.unsigned}
  http-request set-var(txn.held) var(txn.key),map_str(${maps}/keys.map) unless unsigned
  ${answer(403, 'APIG.0705', `${NO_SIGNATURE} The signature key of the API was deleted.`)} unless unsigned || { var(txn.held) -m found }
  http-request set-var(txn.secret) var(txn.held),field(1,|) unless unsigned
  http-request set-var(txn.access) var(txn.held),field(2,|) unless unsigned
${tooLarge ? `  ${answer(413, 'APIG.0201', 'Request entity too large.')} if !unsigned partial or !unsigned chunked\n` : ''}
  # Only a GET that upgrades to WebSocket is an upgrade, and no header reaches the backend that folds into one of ours there.
  http-request set-var(txn.websocket) bool(true) if { method -m str GET } { req.fhdr_cnt(upgrade) 1 } { req.fhdr(upgrade) -m str -i websocket } { req.hdr(connection) -m str -i upgrade } { req.body_size 0 } !chunked
  http-request del-header upgrade unless { var(txn.websocket) -m bool }
${DROPPED.map((name) => `  http-request del-header ${name}\n`).join('')}  http-request set-header connection upgrade if { var(txn.websocket) -m bool }
  http-request del-header ^(${OURS})$ -m reg
  http-request del-header ^(?=.*[^a-z0-9-])(${ODDLY_SPELT}) -m reg
  http-request set-header X-Forwarded-Host %[req.fhdr(host)]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Proto https if { ssl_fc }

  # SDK-HMAC-SHA256.
  http-request set-var(txn.hash) str(UNSIGNED-PAYLOAD) if partial or chunked
  http-request set-var(txn.hash) req.body,sha2(256),hex,lower unless { var(txn.hash) -m found }
  acl uncovered var(txn.hash) -m str UNSIGNED-PAYLOAD
  http-request set-var(txn.signed) str(${SIGNED})
  http-request set-var(txn.signed) str(${SIGNED_WITHOUT_BODY}) if uncovered
  http-request set-var-fmt(txn.uncovered_line) "x-sdk-content-sha256:UNSIGNED-PAYLOAD\\n" if uncovered
  http-request set-var(txn.date) date,utime("%Y%m%dT%H%M%SZ")
  http-request set-var-fmt(txn.canonical) "%[method]\\n%[var(txn.target)]\\nhost:%[req.fhdr(host)]\\n%[var(txn.uncovered_line)]x-sdk-date:%[var(txn.date)]\\n\\n%[var(txn.signed)]\\n%[var(txn.hash)]"
  http-request set-var(txn.digest) var(txn.canonical),sha2(256),hex,lower
  http-request set-var-fmt(txn.sts) "SDK-HMAC-SHA256\\n%[var(txn.date)]\\n%[var(txn.digest)]"
  http-request set-var(txn.signature) var(txn.sts),hmac(sha256,txn.secret),hex,lower unless unsigned

  # Whatever the client sent under these names is replaced or gone.
  http-request set-header Authorization "SDK-HMAC-SHA256 Access=%[var(txn.access)], SignedHeaders=%[var(txn.signed)], Signature=%[var(txn.signature)]" unless unsigned
  http-request set-header X-Sdk-Date "%[var(txn.date)]" unless unsigned
  http-request set-header X-Sdk-Content-Sha256 UNSIGNED-PAYLOAD if uncovered !unsigned
  http-request set-header Authorization unsigned if unsigned
  http-request set-header X-Sdk-Date unsigned if unsigned
  http-request set-header X-Sdk-Content-Sha256 unsigned if unsigned

  # One signature more, for the node to report.
  http-request track-sc0 var(txn.route) table ${usageTable(instance)} unless unsigned
  http-request sc-inc-gpc0(0) unless unsigned
  default_backend backend-${instance}

backend ${usageTable(instance)} from signet-${instance}
  stick-table type string len 160 size 100k expire 24h store gpc0

backend backend-${instance} from signet-${instance}
  server backend ${authority(options.upstream)}${options.upstream.protocol === 'https:' ? serverTls : ''}
`;
};

/**
 * Without an expected name, any certificate of a trusted authority would be accepted. An address has no SNI, and must be in the
 * certificate.
 */
const sni = (hostname: string) => {
  const isAddress = hostname.startsWith('[') || /^[\d.]+$/.test(hostname);
  return `${isAddress ? '' : `sni str(${hostname}) `}verifyhost ${hostname.replaceAll(/[[\]]/g, '')} `;
};
