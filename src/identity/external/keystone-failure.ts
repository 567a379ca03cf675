/**
 * Keystone failed or gave an unusable answer. The message never contains text from Keystone, whose errors repeat tokens, so it can be
 * logged.
 */
export class KeystoneFailure extends Error {}
