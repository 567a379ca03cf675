package signet.signing;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Keys with which whoever verifies can also sign: hmac, basic and aes. */
final class SecretKeys {
    private static final int BLOCK_BYTES = 16;
    private static final byte[] AES_KEY_ID = "signet aes key id\n".getBytes(StandardCharsets.US_ASCII);

    private SecretKeys() {}

    static LoadedKey hmac(Key key) {
        if (key.signSecret().isEmpty()) throw new UnusableKeyException("an hmac key has a secret");
        byte[] secret = Text.utf8(key.signSecret());
        return symmetric(key, key.signKey(), stringToSign -> Digests.hmacHex(secret, Text.utf8(stringToSign)));
    }

    static LoadedKey basic(Key key) {
        if (key.signSecret().isEmpty()) throw new UnusableKeyException("a basic key has a secret");
        return new LoadedKey(key, key.signKey(), new LoadedKey.Proof() {
            @Override
            public String sign(String stringToSign) {
                return key.signSecret();
            }

            @Override
            public boolean verify(String stringToSign, String signature) {
                return Digests.sameText(signature, key.signSecret());
            }
        });
    }

    /**
     * A MAC from AES-CFB with the key's fixed vector. Of the encrypted SHA-256 and one block of zeros, only the last block is sent, which is a
     * CBC-MAC of three blocks (docs/signing.md).
     */
    static LoadedKey aes(Key key, int keyBytes) {
        byte[] secret = Text.utf8(key.signKey());
        byte[] vector = Text.utf8(key.signSecret());
        if (secret.length != keyBytes) throw new UnusableKeyException("the key of aes-" + 8 * keyBytes + "-cfb has " + keyBytes + " bytes");
        if (vector.length != BLOCK_BYTES) throw new UnusableKeyException("the secret of an aes key, its vector, has 16 bytes");
        UnaryOperator<String> sum = stringToSign -> Digests.withKey("the aes key is not usable", () -> {
            Cipher cipher = Cipher.getInstance("AES/CFB/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(secret, "AES"), new IvParameterSpec(vector));
            byte[] message = Arrays.copyOf(Digests.sha256(Text.utf8(stringToSign)), 3 * BLOCK_BYTES);
            return Text.hex(Arrays.copyOfRange(cipher.doFinal(message), 2 * BLOCK_BYTES, 3 * BLOCK_BYTES));
        });
        // The sign key is secret, so the header has a value derived from both halves.
        return symmetric(key, Digests.hmacHex(secret, AES_KEY_ID, vector).substring(0, 32), sum);
    }

    private static LoadedKey symmetric(Key key, String accessId, UnaryOperator<String> sum) {
        return new LoadedKey(key, accessId, new LoadedKey.Proof() {
            @Override
            public String sign(String stringToSign) {
                return sum.apply(stringToSign);
            }

            @Override
            public boolean verify(String stringToSign, String signature) {
                return Digests.sameHex(signature, sum.apply(stringToSign));
            }
        });
    }
}
