import type { Tombstone } from '../receipts/node.js';
import type { WireTombstone } from './protocol.js';

export const toWire = ({ signId, version, publishId, revision, epoch }: Tombstone): WireTombstone => ({
  sign_id: signId,
  version,
  publish_id: publishId,
  revision,
  epoch,
});

export const fromWire = ({ sign_id: signId, version, publish_id: publishId, revision, epoch }: WireTombstone): Tombstone => ({
  signId,
  version,
  publishId,
  revision,
  epoch,
});
