package signet.signing;

import java.time.Instant;

/** Stores accepted requests. Several processes need a shared one, such as Redis with SET … NX PXAT. */
@FunctionalInterface
public interface ReplayStore {
    /**
     * Stores an id atomically: of two calls with the same id, one returns true.
     *
     * @param expiresAt from then on, the signature is refused as too old
     * @param now by the verifier's clock
     * @return whether the id is new
     * @throws Exception if the store does not answer; the request is then refused
     */
    boolean remember(String id, Instant expiresAt, Instant now) throws Exception;
}
