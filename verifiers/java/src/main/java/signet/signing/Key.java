package signet.signing;

import java.util.Objects;

/** A signature key as the control plane returns it. It is parsed when a verifier or a signer gets it. */
public final class Key {
    private final String id;
    private final SignType type;
    private final String signKey;
    private final String signSecret;

    private Key(String id, SignType type, String signKey, String signSecret) {
        this.id = id == null ? "" : id;
        this.type = type;
        this.signKey = signKey == null ? "" : signKey;
        this.signSecret = signSecret == null ? "" : signSecret;
    }

    public static Key hmac(String signKey, String signSecret) {
        return new Key("", SignType.HMAC, signKey, signSecret);
    }

    public static Key basic(String signKey, String signSecret) {
        return new Key("", SignType.BASIC, signKey, signSecret);
    }

    /** aes-128-cfb: a key of 16 bytes and a vector of 16 bytes. */
    public static Key aes128(String signKey, String vector) {
        return new Key("", SignType.AES_128, signKey, vector);
    }

    /** aes-256-cfb: a key of 32 bytes and a vector of 16 bytes. */
    public static Key aes256(String signKey, String vector) {
        return new Key("", SignType.AES_256, signKey, vector);
    }

    /** The public half of an RSA pair (SPKI in base64 DER), which verifies. */
    public static Key publicKey(String signKey) {
        return pair(signKey, "");
    }

    /** An RSA pair: SPKI and PKCS#8 in base64 DER. */
    public static Key pair(String signKey, String signSecret) {
        return new Key("", SignType.PUBLIC_KEY, signKey, signSecret);
    }

    /** The public half of an Ed25519 pair (SPKI in base64 DER), which verifies HTTP message signatures. It needs Java 15 or newer. */
    public static Key ed25519(String signKey) {
        return ed25519Pair(signKey, "");
    }

    /** An Ed25519 pair for HTTP message signatures: SPKI and PKCS#8 in base64 DER. */
    public static Key ed25519Pair(String signKey, String signSecret) {
        return new Key("", SignType.MESSAGE_ED25519, signKey, signSecret);
    }

    /** HMAC-SHA-256 for HTTP message signatures: the key id, and base64 of 32 to 64 bytes. */
    public static Key messageHmac(String signKey, String signSecret) {
        return new Key("", SignType.MESSAGE_HMAC, signKey, signSecret);
    }

    /**
     * A key in the words of the control plane.
     *
     * @param signType hmac, basic, aes, public_key or http-message-signatures
     * @param signAlgorithm aes-128-cfb or aes-256-cfb, ed25519 or hmac-sha256; null for types without algorithms
     * @throws UnusableKeyException for another type
     */
    public static Key of(String signType, String signAlgorithm, String signKey, String signSecret) {
        SignType type = SignType.ofWire(signType, signAlgorithm);
        if (type == null) throw new UnusableKeyException("a key has a type and the algorithm of this type: hmac, basic, aes (aes-128-cfb, aes-256-cfb), public_key, "
                + "http-message-signatures (ed25519, hmac-sha256)");
        return new Key("", type, signKey, signSecret);
    }

    /** The same key with an id, which verifications report. Without one they report the id in the Authorization header. */
    public Key withId(String id) {
        return new Key(id, type, signKey, signSecret);
    }

    public String id() {
        return id;
    }

    public SignType type() {
        return type;
    }

    public String signKey() {
        return signKey;
    }

    public String signSecret() {
        return signSecret;
    }

    boolean signsLike(Key other) {
        return type == other.type && signKey.equals(other.signKey) && signSecret.equals(other.signSecret);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Key && id.equals(((Key) other).id) && signsLike((Key) other);
    }

    @Override
    public int hashCode() {
        return Objects.hash(id, type, signKey, signSecret);
    }

    /** Has no part of the key. */
    @Override
    public String toString() {
        return "Key{" + type + (id.isEmpty() ? "" : " " + id) + "}";
    }
}
