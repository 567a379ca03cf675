package signet.signing;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

/** Verifies deliveries of webhooks, and signs them. It is safe for use by several threads. */
public final class WebhookVerifier implements RequestVerifier<WebhookDelivery> {
    /** The largest accepted distance between a webhook's timestamp and now. */
    public static final Duration DEFAULT_TOLERANCE = Duration.ofMinutes(5);

    /** Bounds the work for a request; senders use two keys at most. */
    private static final int MOST_SIGNATURES = 16;

    private static final Pattern ID = Pattern.compile("[!-\\-/-~]+");
    private static final Pattern TIMESTAMP = Pattern.compile("[0-9]{1,12}");

    private final WebhookDialect dialect;
    private final Duration tolerance;
    private final Clock clock;
    private final Admission admission;
    private final List<WebhookKey> keys;

    private WebhookVerifier(Builder options, List<WebhookKey> keys) {
        dialect = options.dialect;
        tolerance = options.tolerance;
        clock = options.clock;
        admission = new Admission(options.limitBytes, options.reportOnly);
        this.keys = keys;
    }

    /** @throws UnusableKeyException if one is not a secret of the dialect */
    public static WebhookVerifier of(WebhookDialect dialect, String... secrets) {
        return builder(dialect, List.of(secrets)).build();
    }

    /** @param secrets those that are accepted: whsec_… or, in the dialect STANDARD, whpk_… as well. Without any, everything is refused */
    public static Builder builder(WebhookDialect dialect, Collection<String> secrets) {
        return new Builder(dialect, secrets);
    }

    /**
     * Verifies one delivery.
     *
     * @param head its method and target are not read
     * @param body the bytes as received
     */
    public WebhookDelivery verify(Head head, byte[] body) throws Refusal {
        return begin(head).finish(body);
    }

    @Override
    public Begun<WebhookDelivery> begin(Head head) throws Refusal {
        String id = valueOf(head, "id");
        String timestamp = valueOf(head, "timestamp");
        String signature = valueOf(head, "signature");
        if (signature.isEmpty()) throw new Refusal(Code.NO_SIGNATURE, "there is no " + dialect.prefix + "-signature header");
        if (!TIMESTAMP.matcher(timestamp).matches()) {
            throw new Refusal(Code.MALFORMED, dialect.prefix + "-timestamp is whole seconds since the epoch");
        }
        if (dialect == WebhookDialect.STANDARD && !ID.matcher(id).matches()) {
            throw new Refusal(Code.MALFORMED, "webhook-id is visible ASCII without a full stop");
        }
        long seconds = Long.parseLong(timestamp);
        checkTime(seconds);
        return body -> finish(id, timestamp, signature, body);
    }

    private WebhookDelivery finish(String id, String timestamp, String signature, byte[] body) throws Refusal {
        byte[] message = dialect.signedBytes(id, timestamp, body);
        String[] given = signature.split(dialect.separator, MOST_SIGNATURES + 1);
        for (WebhookKey key : keys) {
            for (int i = 0; i < Math.min(given.length, MOST_SIGNATURES); i++) {
                if (!key.verify(message, Text.trim(given[i]))) continue;
                // The sender may have held the body open.
                checkTime(Long.parseLong(timestamp));
                return new WebhookDelivery(dialect == WebhookDialect.STANDARD ? id : "", Long.parseLong(timestamp));
            }
        }
        throw new Refusal(Code.SIGNATURE_MISMATCH, "signed with another secret, or changed on the way");
    }

    private String valueOf(Head head, String part) {
        String value = head.value(dialect.prefix + "-" + part);
        return value == null ? "" : value;
    }

    private void checkTime(long seconds) throws Refusal {
        if (Duration.between(Instant.ofEpochSecond(seconds), clock.instant()).abs().compareTo(tolerance) > 0) {
            throw new Refusal(Code.SKEW, dialect.prefix + "-timestamp is too far from the clock here");
        }
    }

    @Override
    public Admission admission() {
        return admission;
    }

    /**
     * The headers of one delivery.
     *
     * @param secrets the newest comes first
     * @param timestamp seconds since the epoch
     * @throws UnusableKeyException if one is not a secret of the dialect, or can only verify
     */
    public static Map<String, String> sign(WebhookDialect dialect, Collection<String> secrets, String id, long timestamp, byte[] body) {
        if (secrets.isEmpty()) throw new IllegalArgumentException("a webhook is signed with at least one secret");
        if (!ID.matcher(id).matches() || timestamp < 0) {
            throw new IllegalArgumentException("a message id is visible ASCII without a full stop, and a timestamp is not negative");
        }
        String text = Long.toString(timestamp);
        byte[] message = dialect.signedBytes(id, text, body);
        List<String> signatures = new ArrayList<>();
        for (String secret : secrets) signatures.add(WebhookKey.load(dialect, secret).sign(message));
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put(dialect.prefix + "-id", id);
        headers.put(dialect.prefix + "-timestamp", text);
        headers.put(dialect.prefix + "-signature", String.join(dialect.separator, signatures));
        return headers;
    }

    /** Options. */
    public static final class Builder {
        private final WebhookDialect dialect;
        private final List<String> secrets;
        private Duration tolerance = DEFAULT_TOLERANCE;
        private Clock clock = Clock.systemUTC();
        private int limitBytes = Admission.DEFAULT_LIMIT_BYTES;
        private boolean reportOnly;

        private Builder(WebhookDialect dialect, Collection<String> secrets) {
            this.dialect = Objects.requireNonNull(dialect);
            this.secrets = List.copyOf(secrets);
        }

        /** The largest accepted distance between the timestamp and now. Default: {@link #DEFAULT_TOLERANCE}. */
        public Builder tolerance(Duration tolerance) {
            if (tolerance.isNegative()) throw new IllegalArgumentException("tolerance is negative");
            this.tolerance = tolerance;
            return this;
        }

        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock);
            return this;
        }

        /** The largest body that is read for verification. Default: {@link Admission#DEFAULT_LIMIT_BYTES}. */
        public Builder limitBytes(int limitBytes) {
            this.limitBytes = limitBytes;
            return this;
        }

        /** Adapters pass every delivery on, and log and count those that would be refused. */
        public Builder reportOnly(boolean reportOnly) {
            this.reportOnly = reportOnly;
            return this;
        }

        /** @throws UnusableKeyException if one is not a secret of the dialect */
        public WebhookVerifier build() {
            List<WebhookKey> keys = new ArrayList<>();
            for (String secret : secrets) keys.add(WebhookKey.load(dialect, secret));
            return new WebhookVerifier(this, keys);
        }
    }
}
