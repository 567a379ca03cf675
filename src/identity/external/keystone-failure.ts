/**
 * Keystone failed, or gave a response that cannot be used. The message never contains text of Keystone, whose errors repeat tokens. So it
 * can be logged.
 */
export class KeystoneFailure extends Error {}
