package signet.signing;

import java.io.ByteArrayOutputStream;

/** A format of webhook signatures. The receiver sets it: a sender must not be able to choose the weaker one. */
public enum WebhookDialect {
    /** x-webhook-id, x-webhook-timestamp, x-webhook-signature. The signature does not cover the id. */
    X_WEBHOOK("x-webhook", ","),
    /** Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature, with HMAC (whsec_) or Ed25519 (whpk_). */
    STANDARD("webhook", " ");

    final String prefix;
    final String separator;

    WebhookDialect(String prefix, String separator) {
        this.prefix = prefix;
        this.separator = separator;
    }

    byte[] signedBytes(String id, String timestamp, byte[] body) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(body.length + 64);
        bytes.writeBytes(Text.utf8((this == STANDARD ? id + "." : "") + timestamp + "."));
        bytes.writeBytes(body);
        return bytes.toByteArray();
    }
}
