package signet.signing;

/** The kind of a key, and the scheme of its signatures. */
public enum SignType {
    HMAC("SDK-HMAC-SHA256", true),
    BASIC("Basic", false),
    AES_128("SIGNET-AES-128-CFB-MAC", true),
    AES_256("SIGNET-AES-256-CFB-MAC", true),
    PUBLIC_KEY("SIGNET-RSA-PSS-SHA256", true);

    private final String scheme;
    private final boolean covers;

    SignType(String scheme, boolean covers) {
        this.scheme = scheme;
        this.covers = covers;
    }

    /** The first word of the Authorization header, and of the string to sign. */
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
        for (SignType each : values()) if (Text.asciiLower(each.scheme).equals(lower)) return each;
        return null;
    }

    /** @return null for a type that is not known here */
    static SignType ofWire(String signType, String signAlgorithm) {
        if ("hmac".equals(signType)) return HMAC;
        if ("basic".equals(signType)) return BASIC;
        if ("public_key".equals(signType)) return PUBLIC_KEY;
        if ("aes".equals(signType) && "aes-128-cfb".equals(signAlgorithm)) return AES_128;
        if ("aes".equals(signType) && "aes-256-cfb".equals(signAlgorithm)) return AES_256;
        return null;
    }
}
