package signet.signing;

import java.util.Collection;

/** Finds keys. */
@FunctionalInterface
public interface KeyLookup {
    /**
     * @param accessId the id in the Authorization header
     * @param type the type of the key that the header names
     * @return none if the id is unknown; several while a secret is rotated
     * @throws Exception if the keys cannot be looked up; the request is then refused with KEYS_UNAVAILABLE, or with the Refusal that was thrown
     */
    Collection<Key> find(String accessId, SignType type) throws Exception;
}
