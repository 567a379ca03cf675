import { type SignType, traitsOf } from '#signing/algorithms.js';

const MASK = '********';
const SHOWN = 3;
/** Minimum length of a secret whose ends are shown. The hidden part of a shorter secret could be guessed. */
const SHOWN_FROM_CHARS = 32;

/** Masks a text as in `dc0********2b3`: shows the ends of a long secret, and nothing of a short one. */
export const masked = (secret: string): string =>
  secret.length < SHOWN_FROM_CHARS ? MASK : `${secret.slice(0, SHOWN)}${MASK}${secret.slice(-SHOWN)}`;

interface Halves {
  sign_type: SignType;
  sign_key: string;
  sign_secret: string;
}

/** Masks the secret halves of a key. */
export const maskedHalves = <T extends Halves>(view: T): T => ({
  ...view,
  sign_secret: masked(view.sign_secret),
  ...(traitsOf(view.sign_type).keyIsSecret && { sign_key: masked(view.sign_key) }),
});

/** Joins the settings of a gateway. For statements in which `i` is the gateway. */
export const JOIN_MASKS = 'LEFT JOIN gateway_settings masks ON masks.instance_id = i.id';
/** A column for use with {@link JOIN_MASKS}: 1 if the gateway masks secrets. */
export const MASKS = 'COALESCE(masks.mask_secrets, 0) AS masks';
