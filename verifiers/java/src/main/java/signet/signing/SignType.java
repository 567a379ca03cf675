package signet.signing;

/** The kind of a key, and the scheme of its signatures. */
public enum SignType {
    HMAC("SDK-HMAC-SHA256", true),
    BASIC("Basic", false),
    AES_128("SIGNET-AES-128-CFB-MAC", true),
    AES_256("SIGNET-AES-256-CFB-MAC", true),
    PUBLIC_KEY("SIGNET-RSA-PSS-SHA256", true),
    /** http-message-signatures with Ed25519. */
    MESSAGE_ED25519("ed25519", true),
    /** http-message-signatures with HMAC-SHA-256. */
    MESSAGE_HMAC("hmac-sha256", true);

    private final String scheme;
    private final boolean covers;

    SignType(String scheme, boolean covers) {
        this.scheme = scheme;
        this.covers = covers;
    }

    /** The first word of the Authorization header, and of the string to sign; for HTTP message signatures (RFC 9421) the parameter {@code alg}. */
    public String scheme() {
        return scheme;
    }

    /** Whether there is a string to sign. BASIC sends the secret instead. */
    boolean covers() {
        return covers;
    }

    /** @return null for a scheme that is not known here; only ASCII letters may have another case */
    static SignType ofScheme(String name) {
        String lower = Text.asciiLower(name);
        for (SignType each : values()) if (!each.signsMessages() && Text.asciiLower(each.scheme).equals(lower)) return each;
        return null;
    }

    /** @return null for an algorithm of message signatures that is not known here */
    static SignType ofMessage(String alg) {
        for (SignType each : values()) if (each.signsMessages() && each.scheme.equals(alg)) return each;
        return null;
    }

    /** Whether its signatures are HTTP message signatures, in two headers of their own, never in Authorization. */
    boolean signsMessages() {
        return this == MESSAGE_ED25519 || this == MESSAGE_HMAC;
    }

    /** Whether a verifier needs the public half alone. */
    boolean isPair() {
        return this == PUBLIC_KEY || this == MESSAGE_ED25519;
    }

    /** @return null for a type that is not known here */
    static SignType ofWire(String signType, String signAlgorithm) {
        if ("hmac".equals(signType)) return HMAC;
        if ("basic".equals(signType)) return BASIC;
        if ("public_key".equals(signType)) return PUBLIC_KEY;
        if ("aes".equals(signType) && "aes-128-cfb".equals(signAlgorithm)) return AES_128;
        if ("aes".equals(signType) && "aes-256-cfb".equals(signAlgorithm)) return AES_256;
        if ("http-message-signatures".equals(signType)) return signAlgorithm == null ? null : ofMessage(signAlgorithm);
        return null;
    }
}
