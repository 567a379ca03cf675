/** Signs as a gateway does, for tests of a backend that has no gateway. */
package signet.signing.testing;
