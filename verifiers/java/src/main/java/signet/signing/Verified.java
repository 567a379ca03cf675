package signet.signing;

import java.util.List;

/** A valid signature. */
public final class Verified {
    private final String keyId;
    private final boolean bodySigned;
    private final List<String> signedHeaders;

    Verified(String keyId, boolean bodySigned, List<String> signedHeaders) {
        this.keyId = keyId;
        this.bodySigned = bodySigned;
        this.signedHeaders = List.copyOf(signedHeaders);
    }

    /** The id of the key, or the id in the Authorization header if the key has none. */
    public String keyId() {
        return keyId;
    }

    /** False for UNSIGNED-PAYLOAD and for basic: the body may have been changed on the way. */
    public boolean bodySigned() {
        return bodySigned;
    }

    /** Names in lower case, in the order of the Authorization header. Do not trust other headers. */
    public List<String> signedHeaders() {
        return signedHeaders;
    }

    @Override
    public String toString() {
        return "Verified{" + keyId + (bodySigned ? "" : ", body not signed") + "}";
    }
}
