import type { SignType } from '../lib/signing/algorithms.js';

const MASK = '********';
const SHOWN = 3;
/** What is hidden of anything shorter could be guessed. */
const SHOWN_FROM_CHARS = 32;

/** `dc0********2b3`: the ends of a long secret, nothing of a short one. */
export const masked = (secret: string): string =>
  secret.length < SHOWN_FROM_CHARS ? MASK : `${secret.slice(0, SHOWN)}${MASK}${secret.slice(-SHOWN)}`;

interface Halves {
  sign_type: SignType;
  sign_key: string;
  sign_secret: string;
}

/** The halves of a key that are secret, masked. The key of an aes sign is its cipher key; of the other types it is a name or public. */
export const maskedHalves = <T extends Halves>(view: T): T => ({
  ...view,
  sign_secret: masked(view.sign_secret),
  ...(view.sign_type === 'aes' && { sign_key: masked(view.sign_key) }),
});

/** The condition under which a gateway's secrets are masked, for a statement in which `i` is the gateway. */
export const OF_MASKS = 'LEFT JOIN gateway_settings masks ON masks.instance_id = i.id';
/** Beside {@link OF_MASKS}: 1 when they are. */
export const MASKS = 'COALESCE(masks.mask_secrets, 0) AS masks';
