import type { DigestRow } from '../receipts/digest.js';
import type { GatewayPublication } from './protocol.js';

/** Returns the fields of a publication that decide which requests are signed, and with which key. */
export const digestRow = ({ env_name, req_method, req_uri, match_mode, publish_id, sign }: GatewayPublication): DigestRow => ({
  environment: env_name,
  method: req_method,
  path: req_uri,
  matchMode: match_mode,
  publishId: publish_id,
  signId: sign?.sign_id ?? null,
  secretVersion: sign?.version ?? null,
});
