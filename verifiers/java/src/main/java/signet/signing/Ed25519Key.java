package signet.signing;

import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;

/** Ed25519, which Java has from 15 on. */
final class Ed25519Key extends WebhookKey {
    private static final String ALGORITHM = "Ed25519";
    private static final String LABEL = "v1a,";
    private static final int KEY_BYTES = 32;
    private static final int SIGNATURE_BYTES = 64;
    /** SubjectPublicKeyInfo of RFC 8410 up to the key. */
    static final byte[] SPKI = Text.bytesOfHex("302a300506032b6570032100");

    /** Null for a public key. */
    private final PrivateKey secret;
    private final PublicKey open;

    private Ed25519Key(PrivateKey secret, PublicKey open) {
        this.secret = secret;
        this.open = open;
    }

    static Ed25519Key ofPublic(byte[] key) {
        if (key.length != KEY_BYTES) throw new UnusableKeyException("a whpk_ key has 32 bytes");
        return new Ed25519Key(null, computed("this is not an Ed25519 public key", () -> {
            byte[] der = Arrays.copyOf(SPKI, SPKI.length + KEY_BYTES);
            System.arraycopy(key, 0, der, SPKI.length, KEY_BYTES);
            return KeyFactory.getInstance(ALGORITHM).generatePublic(new X509EncodedKeySpec(der));
        }));
    }

    static Ed25519Key ofPrivate(byte[] key) {
        if (key.length != KEY_BYTES && key.length != 2 * KEY_BYTES) throw new UnusableKeyException("a whsk_ key has 32 or 64 bytes");
        byte[] seed = Arrays.copyOf(key, KEY_BYTES);
        KeyPair pair = computed("this is not an Ed25519 private key", () -> {
            // No public API derives the public half; a generator does, from what it takes for random bytes.
            KeyPairGenerator generator = KeyPairGenerator.getInstance(ALGORITHM);
            generator.initialize(255, new Seed(seed));
            return generator.generateKeyPair();
        });
        byte[] encoded = pair.getPrivate().getEncoded();
        if (!Arrays.equals(Arrays.copyOfRange(encoded, encoded.length - KEY_BYTES, encoded.length), seed)) {
            throw new UnusableKeyException("this Java's provider of Ed25519 cannot use a whsk_ key");
        }
        return new Ed25519Key(pair.getPrivate(), pair.getPublic());
    }

    @Override
    String sign(byte[] message) {
        if (secret == null) throw new UnusableKeyException("a whpk_ key can only verify");
        return LABEL + Base64Text.of(signature(message));
    }

    byte[] signature(byte[] message) {
        return computed("this Ed25519 key does not sign", () -> {
            Signature signature = Signature.getInstance(ALGORITHM);
            signature.initSign(secret);
            signature.update(message);
            return signature.sign();
        });
    }

    byte[] publicBytes() {
        byte[] spki = open.getEncoded();
        return Arrays.copyOfRange(spki, SPKI.length, spki.length);
    }

    @Override
    boolean verify(byte[] message, String signature) {
        byte[] given = signature.startsWith(LABEL) ? Base64Text.strict(signature.substring(LABEL.length())) : null;
        return given != null && verifies(message, given);
    }

    boolean verifies(byte[] message, byte[] signature) {
        // Zeros at the end would not change the number that the last half is.
        if (signature.length != SIGNATURE_BYTES) return false;
        try {
            Signature verification = Signature.getInstance(ALGORITHM);
            verification.initVerify(open);
            verification.update(message);
            return verification.verify(signature);
        } catch (SignatureException | InvalidKeyException wrong) { // also bytes that are no point of the curve
            return false;
        } catch (GeneralSecurityException noJava) {
            throw new IllegalStateException("this Java has no Ed25519", noJava);
        }
    }

    private static <T> T computed(String failure, Digests.Computation<T> computation) {
        return Digests.withKey(failure, () -> {
            try {
                return computation.run();
            } catch (NoSuchAlgorithmException oldJava) {
                throw new UnusableKeyException("Java " + Runtime.version().feature() + " has no Ed25519, which needs Java 15 or newer");
            }
        });
    }

    /** Gives the bytes of a private key to a generator of keys. */
    private static final class Seed extends SecureRandom {
        private static final long serialVersionUID = 1;
        private final transient byte[] seed;

        Seed(byte[] seed) {
            this.seed = seed;
        }

        @Override
        public void nextBytes(byte[] bytes) {
            System.arraycopy(seed, 0, bytes, 0, Math.min(seed.length, bytes.length));
        }
    }
}
