/** Keystone did not do what it should. The words are for the log: none comes from Keystone, which repeats tokens in its errors. */
export class KeystoneFailure extends Error {}
