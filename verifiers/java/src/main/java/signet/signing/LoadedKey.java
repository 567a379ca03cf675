package signet.signing;

import java.util.List;

/** A parsed key. */
final class LoadedKey {
    /** What a key does with a string to sign. */
    interface Proof {
        /** @throws UnusableKeyException if the key can only verify */
        String sign(String stringToSign);

        /** Takes constant time. */
        boolean verify(String stringToSign, String signature);
    }

    /** What was parsed. */
    final Key of;
    final SignType type;
    /** The id in the Authorization header, or the keyid of a message signature. */
    final String accessId;
    final String keyId;
    final Proof proof;

    LoadedKey(Key of, String accessId, Proof proof) {
        this.of = of;
        this.type = of.type();
        this.accessId = accessId;
        this.keyId = of.id().isEmpty() ? accessId : of.id();
        this.proof = proof;
    }

    /** @throws UnusableKeyException if it cannot be a key of its type */
    static LoadedKey load(Key key) {
        if (key.signKey().isEmpty()) throw new UnusableKeyException("a key has a sign key");
        switch (key.type()) {
            case HMAC:
                return SecretKeys.hmac(key);
            case BASIC:
                return SecretKeys.basic(key);
            case AES_128:
                return SecretKeys.aes(key, 16);
            case AES_256:
                return SecretKeys.aes(key, 32);
            case MESSAGE_ED25519:
                return MessageKeys.ed25519(key);
            case MESSAGE_HMAC:
                return MessageKeys.hmac(key);
            default:
                return RsaKeys.load(key);
        }
    }

    /** The refusal of this key, which is not among those found now. */
    Refusal gone(List<LoadedKey> found) {
        boolean changed = found.stream().anyMatch(each -> each.type == type && each.accessId.equals(accessId));
        return changed ? Verifier.MISMATCH : Verifier.UNKNOWN_KEY;
    }
}
