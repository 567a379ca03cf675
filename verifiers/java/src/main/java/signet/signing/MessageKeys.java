package signet.signing;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;

/** Keys of the type http-message-signatures. Signatures are base64. */
final class MessageKeys {
    /** DER of an Ed25519 private key before its 32 bytes (RFC 8410). */
    private static final byte[] PKCS8 = Text.bytesOfHex("302e020100300506032b657004220420");
    private static final int KEY_BYTES = 32;
    private static final int LEAST_SECRET_BYTES = 32;
    private static final int MOST_SECRET_BYTES = 64;

    private MessageKeys() {}

    /** The secret is base64 of 32 to 64 bytes, the {@code keyid} the sign key. */
    static LoadedKey hmac(Key key) {
        byte[] secret = Base64Text.strict(key.signSecret());
        if (secret == null || secret.length < LEAST_SECRET_BYTES || secret.length > MOST_SECRET_BYTES) {
            throw new UnusableKeyException("the secret of a message signature key is base64 of 32 to 64 bytes");
        }
        if (!Text.isPrintable(key.signKey())) throw new UnusableKeyException("the key id of a message signature is printable ASCII");
        return new LoadedKey(key, key.signKey(), new LoadedKey.Proof() {
            @Override
            public String sign(String base) {
                return Base64Text.of(Digests.hmac(secret, Text.utf8(base)));
            }

            @Override
            public boolean verify(String base, String signature) {
                return Digests.sameText(signature, sign(base));
            }
        });
    }

    /** SPKI and PKCS#8 in base64 DER; the {@code keyid} is the JWK thumbprint (RFC 7638). */
    static LoadedKey ed25519(Key key) {
        byte[] open = half(key.signKey(), Ed25519Key.SPKI, "sign_key");
        Ed25519Key verifies = Ed25519Key.ofPublic(open);
        Ed25519Key signs = key.signSecret().isEmpty() ? null : Ed25519Key.ofPrivate(half(key.signSecret(), PKCS8, "sign_secret"));
        if (signs != null && !Arrays.equals(signs.publicBytes(), open)) {
            throw new UnusableKeyException("the halves of this Ed25519 pair do not belong together");
        }
        Base64.Encoder url = Base64.getUrlEncoder().withoutPadding();
        String jwk = "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" + url.encodeToString(open) + "\"}";
        String keyId = url.encodeToString(Digests.sha256(jwk.getBytes(StandardCharsets.US_ASCII)));
        return new LoadedKey(key, keyId, new LoadedKey.Proof() {
            @Override
            public String sign(String base) {
                if (signs == null) throw new UnusableKeyException("this key has no private half, it can only verify");
                return Base64Text.of(signs.signature(Text.utf8(base)));
            }

            @Override
            public boolean verify(String base, String signature) {
                byte[] given = Base64Text.strict(signature);
                return given != null && verifies.verifies(Text.utf8(base), given);
            }
        });
    }

    private static byte[] half(String text, byte[] prefix, String name) {
        byte[] der = Base64Text.strict(text);
        int length = prefix.length + KEY_BYTES;
        if (der == null || der.length != length || !Arrays.equals(Arrays.copyOf(der, prefix.length), prefix)) {
            throw new UnusableKeyException(name + " of an Ed25519 pair is base64 DER of an Ed25519 key");
        }
        return Arrays.copyOfRange(der, prefix.length, length);
    }
}
