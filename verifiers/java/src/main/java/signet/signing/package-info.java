/**
 * Verifies requests that a Signet gateway signed, and webhooks that Signet sent; signs both. It needs nothing but the JDK, from 11 on. The formats are
 * defined in docs/signing.md of Signet, the codes of refusals in docs/result-codes.md.
 */
package signet.signing;
