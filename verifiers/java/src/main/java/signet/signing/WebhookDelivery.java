package signet.signing;

/** A valid delivery. */
public final class WebhookDelivery {
    private final String id;
    private final long timestamp;

    WebhookDelivery(String id, long timestamp) {
        this.id = id;
        this.timestamp = timestamp;
    }

    /** Empty in the dialect X_WEBHOOK, whose signature does not cover it. */
    public String id() {
        return id;
    }

    /** Seconds since the epoch. */
    public long timestamp() {
        return timestamp;
    }

    @Override
    public String toString() {
        return "WebhookDelivery{" + id + " " + timestamp + "}";
    }
}
