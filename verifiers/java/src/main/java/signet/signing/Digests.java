package signet.signing;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Hashes, and comparisons in constant time. */
final class Digests {
    private static final String HMAC = "HmacSHA256";

    private Digests() {}

    static byte[] sha256(byte[] data) {
        return sha("SHA-256", data);
    }

    static byte[] sha512(byte[] data) {
        return sha("SHA-512", data);
    }

    private static byte[] sha(String algorithm, byte[] data) {
        try {
            return MessageDigest.getInstance(algorithm).digest(data);
        } catch (NoSuchAlgorithmException noJava) {
            throw new IllegalStateException("every Java has " + algorithm, noJava);
        }
    }

    static String sha256Hex(byte[] data) {
        return Text.hex(sha256(data));
    }

    static byte[] hmac(byte[] key, byte[]... parts) {
        try {
            Mac mac = Mac.getInstance(HMAC);
            mac.init(new SecretKeySpec(key, HMAC));
            for (byte[] part : parts) mac.update(part);
            return mac.doFinal();
        } catch (InvalidKeyException | NoSuchAlgorithmException noJava) {
            throw new IllegalStateException("every Java has HmacSHA256", noJava);
        }
    }

    static String hmacHex(byte[] key, byte[]... parts) {
        return Text.hex(hmac(key, parts));
    }

    /** Hashing hides the length of the secret. */
    static boolean sameText(String given, String expected) {
        return MessageDigest.isEqual(sha256(Text.utf8(given)), sha256(Text.utf8(expected)));
    }

    /** Compares signatures of either case; their length is public. */
    static boolean sameHex(String given, String expected) {
        return MessageDigest.isEqual(Text.utf8(Text.asciiLower(given)), expected.getBytes(StandardCharsets.US_ASCII));
    }

    /** Runs what only fails because of the key that it has got. */
    static <T> T withKey(String failure, Computation<T> computation) {
        try {
            return computation.run();
        } catch (UnusableKeyException unusable) {
            throw unusable;
        } catch (GeneralSecurityException | RuntimeException unusable) {
            // Its message could have parts of the key.
            throw new UnusableKeyException(failure);
        }
    }

    /** A computation with a key. */
    interface Computation<T> {
        T run() throws GeneralSecurityException;
    }
}
