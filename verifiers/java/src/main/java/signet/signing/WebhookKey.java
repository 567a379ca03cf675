package signet.signing;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A parsed secret of a webhook endpoint. */
abstract class WebhookKey {
    private static final Pattern PREFIX = Pattern.compile("wh(?:sec|sk|pk)_");
    private static final Pattern BASE64 = Pattern.compile("[A-Za-z0-9+/]+={0,2}");
    private static final String NOT_BASE64 = "a Standard Webhooks key is base64 after its prefix";

    /** The signature with its label. @throws UnusableKeyException if the key can only verify */
    abstract String sign(byte[] message);

    /** Takes constant time. */
    abstract boolean verify(byte[] message, String signature);

    /** @throws UnusableKeyException if it is not a secret of the dialect */
    static WebhookKey load(WebhookDialect dialect, String secret) {
        return dialect == WebhookDialect.STANDARD ? standard(secret) : xWebhook(secret);
    }

    private static WebhookKey xWebhook(String secret) {
        if (secret.isEmpty()) throw new UnusableKeyException("a webhook secret is not empty");
        // Whoever knows a public key could sign with it.
        if (secret.startsWith("whpk_")) throw new UnusableKeyException("a public key is no secret: x-webhook has no signatures for it");
        // The key is the whole text, with its prefix.
        byte[] key = Text.utf8(secret);
        return new WebhookKey() {
            @Override
            String sign(byte[] message) {
                return "sha256=" + Digests.hmacHex(key, message);
            }

            @Override
            boolean verify(byte[] message, String signature) {
                return Digests.sameHex(signature, sign(message));
            }
        };
    }

    private static WebhookKey standard(String secret) {
        Matcher matcher = PREFIX.matcher(secret);
        String prefix = matcher.lookingAt() ? matcher.group() : "";
        String text = secret.substring(prefix.length());
        if (!BASE64.matcher(text).matches()) throw new UnusableKeyException(NOT_BASE64);
        byte[] key = Base64Text.lenient(text);
        if (prefix.equals("whsk_")) return Ed25519Key.ofPrivate(key);
        if (prefix.equals("whpk_")) return Ed25519Key.ofPublic(key);
        if (key.length == 0) throw new UnusableKeyException(NOT_BASE64);
        return new WebhookKey() {
            @Override
            String sign(byte[] message) {
                return "v1," + Base64Text.of(Digests.hmac(key, message));
            }

            @Override
            boolean verify(byte[] message, String signature) {
                return Digests.sameText(signature, sign(message));
            }
        };
    }
}
