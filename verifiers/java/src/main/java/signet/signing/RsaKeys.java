package signet.signing;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.RSAPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;

/** public_key: RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes. */
final class RsaKeys {
    private static final int LEAST_BITS = 2048;
    private static final PSSParameterSpec PSS = new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1);

    private RsaKeys() {}

    static LoadedKey load(Key key) {
        RSAPublicKey open = Digests.withKey("the sign key of a public_key pair is base64 DER of an RSA key", () -> spki(Base64Text.lenient(key.signKey())));
        if (open.getModulus().bitLength() < LEAST_BITS) throw new UnusableKeyException("an RSA key has at least 2048 bits");
        PrivateKey secret = key.signSecret().isEmpty() ? null : half(open, key.signSecret());
        return new LoadedKey(key, Digests.sha256Hex(open.getEncoded()).substring(0, 32), new LoadedKey.Proof() {
            @Override
            public String sign(String stringToSign) {
                if (secret == null) throw new UnusableKeyException("this key has no private half, it can only verify");
                return Digests.withKey("the private half does not sign", () -> {
                    Signature signature = pss();
                    signature.initSign(secret);
                    signature.update(Text.utf8(stringToSign));
                    return Text.hex(signature.sign());
                });
            }

            @Override
            public boolean verify(String stringToSign, String signature) {
                try {
                    Signature verification = pss();
                    verification.initVerify(open);
                    verification.update(Text.utf8(stringToSign));
                    return verification.verify(Text.bytesOfHex(signature));
                } catch (SignatureException wrong) {
                    return false;
                } catch (GeneralSecurityException noJava) {
                    throw new IllegalStateException("this Java has no RSASSA-PSS", noJava);
                }
            }
        });
    }

    private static Signature pss() throws GeneralSecurityException {
        Signature signature = Signature.getInstance("RSASSA-PSS");
        signature.setParameter(PSS);
        return signature;
    }

    /** A key that is made anew has one encoding, of which its id is the hash. */
    private static RSAPublicKey spki(byte[] der) throws GeneralSecurityException {
        KeyFactory rsa = KeyFactory.getInstance("RSA");
        RSAPublicKey given = (RSAPublicKey) rsa.generatePublic(new X509EncodedKeySpec(der));
        return (RSAPublicKey) rsa.generatePublic(new RSAPublicKeySpec(given.getModulus(), given.getPublicExponent()));
    }

    private static PrivateKey half(RSAPublicKey open, String signSecret) {
        PrivateKey secret = Digests.withKey("the secret of a public_key pair is base64 DER of an RSA key",
                () -> KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64Text.lenient(signSecret))));
        RSAPrivateCrtKey crt = secret instanceof RSAPrivateCrtKey ? (RSAPrivateCrtKey) secret : null;
        if (crt == null || !crt.getModulus().equals(open.getModulus()) || !crt.getPublicExponent().equals(open.getPublicExponent())) {
            throw new UnusableKeyException("the halves of this public_key pair do not belong together");
        }
        return secret;
    }
}
