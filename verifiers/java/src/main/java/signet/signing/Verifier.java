package signet.signing;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Objects;

/** Verifies requests that a gateway signed. It is safe for use by several threads. */
public final class Verifier implements RequestVerifier<Verified>, AutoCloseable {
    /** The largest accepted distance between X-Sdk-Date, or created, and now. */
    public static final Duration DEFAULT_SKEW = Duration.ofMinutes(15);

    static final Refusal UNKNOWN_KEY = new Refusal(Code.UNKNOWN_KEY, "no key goes by this id here");
    static final Refusal MISMATCH =
            new Refusal(Code.SIGNATURE_MISMATCH, "signed with another secret, or changed on the way: compare with explain()");

    private final Duration skew;
    private final boolean allowUnsignedPayload;
    private final String signatureHeader;
    private final ReplayStore replayStore;
    private final Clock clock;
    private final Admission admission;
    private final KeySource keys;

    private Verifier(Builder options) {
        skew = options.skew;
        allowUnsignedPayload = options.allowUnsignedPayload;
        signatureHeader = options.signatureHeader;
        replayStore = options.replayStore;
        clock = options.clock;
        admission = new Admission(options.limitBytes, options.reportOnly);
        if (options.fixed != null) keys = KeySource.fixed(options.fixed);
        else if (options.lookup != null) keys = new LookedUpKeys(options.lookup);
        else keys = ServiceKeys.started(options.service, options.reportOnly);
    }

    /** A verifier with a fixed list of keys. */
    public static Verifier of(Key... keys) {
        return builder().keys(List.of(keys)).build();
    }

    public static Builder builder() {
        return new Builder();
    }

    /**
     * Verifies one request.
     *
     * @param body the bytes as received
     */
    public Verified verify(Head head, byte[] body) throws Refusal {
        return begin(head).finish(body);
    }

    @Override
    public Begun<Verified> begin(Head head) throws Refusal {
        Instant now = clock.instant();
        SignedRequest authorization = SignedRequest.parse(head, signatureHeader);
        authorization.check(now, skew, allowUnsignedPayload);
        List<LoadedKey> candidates = authorization.candidates(keys.find(authorization.accessId, authorization.type));
        if (candidates.isEmpty()) throw UNKNOWN_KEY;
        return body -> finish(authorization, candidates, body);
    }

    private Verified finish(SignedRequest authorization, List<LoadedKey> candidates, byte[] body) throws Refusal {
        String text = authorization.stringToSign(body);
        LoadedKey signer = null;
        for (LoadedKey each : candidates) {
            if (!each.proof.verify(text, authorization.signature)) continue;
            signer = each;
            break;
        }
        if (signer == null) throw MISMATCH;
        if (!authorization.bodyMatches(body)) {
            String announced = authorization.type.signsMessages() ? "Content-Digest" : "X-Sdk-Content-Sha256";
            throw new Refusal(Code.BODY_HASH_MISMATCH, "the body is not the one that " + announced + " announces");
        }
        Instant now = still(authorization, signer);
        if (replayStore != null && authorization.type.covers()) {
            remember(authorization, signer, text, now);
            // The store forgets a request once it is too old, and may have taken long.
            still(authorization, signer);
        }
        return new Verified(signer.keyId, authorization.bodySigned, authorization.signedHeaders());
    }

    /** Refuses a request whose key was deleted, or that became too old, since its headers arrived. @return the time */
    private Instant still(SignedRequest authorization, LoadedKey signer) throws Refusal {
        keys.still(signer);
        Instant now = clock.instant();
        authorization.check(now, skew, allowUnsignedPayload);
        return now;
    }

    /** Stores what was signed, because the signature's hexadecimal digits may have either case. Requests of BASIC all look alike, and are not stored. */
    private void remember(SignedRequest authorization, LoadedKey signer, String text, Instant now) throws Refusal {
        // A signature base may be long.
        String what = authorization.type.signsMessages() ? authorization.type.scheme() + " " + Digests.sha256Hex(Text.utf8(text)) : text;
        boolean fresh;
        try {
            fresh = replayStore.remember(signer.keyId + " " + what, authorization.signedAt.plus(skew), now);
        } catch (Exception failed) {
            if (failed instanceof InterruptedException) Thread.currentThread().interrupt();
            throw new Refusal(Code.STORE_UNAVAILABLE, "the replay store did not answer");
        }
        if (!fresh) throw new Refusal(Code.REPLAYED, "this very request was accepted before");
    }

    @Override
    public Admission admission() {
        return admission;
    }

    /** True when requests can be verified; with a service, when its keys have arrived and are not too old. For a readiness probe. */
    public boolean isReady() {
        try {
            keys.ready();
            return true;
        } catch (Refusal notReady) {
            return false;
        }
    }

    /** Waits until the verifier is ready. @throws Refusal why it is not ready after the longest time */
    public void awaitReady(Duration longest) throws Refusal, InterruptedException {
        keys.awaitReady(longest);
    }

    /** What the signature of a request covers; it contains no secret. Compare it with the signer's by {@link Difference#between}. */
    public String canonicalRequest(Head head, byte[] body) throws Refusal {
        return SignedRequest.parse(head, signatureHeader).canonical(body);
    }

    /** Drops the keys of a service, tells it, and waits until nothing of this verifier runs. All later requests are refused. */
    @Override
    public void close() {
        keys.close();
    }

    /** Options. Exactly one of keys, lookup and service is set. */
    public static final class Builder {
        private Collection<Key> fixed;
        private KeyLookup lookup;
        private Service service;
        private Duration skew = DEFAULT_SKEW;
        private boolean allowUnsignedPayload;
        private String signatureHeader = "authorization";
        private ReplayStore replayStore;
        private Clock clock = Clock.systemUTC();
        private int limitBytes = Admission.DEFAULT_LIMIT_BYTES;
        private boolean reportOnly;

        private Builder() {}

        /** A fixed list. Several keys may have one id, while a secret is rotated. */
        public Builder keys(Collection<Key> keys) {
            this.fixed = List.copyOf(keys);
            return this;
        }

        /** Asked when the headers have arrived, and again after the body and after the replay store, so that a key that was deleted meanwhile is refused. */
        public Builder lookup(KeyLookup lookup) {
            this.lookup = Objects.requireNonNull(lookup);
            return this;
        }

        /** Fetches the keys of a gateway and keeps them current. Close the verifier. */
        public Builder service(Service service) {
            this.service = Objects.requireNonNull(service);
            return this;
        }

        /** The largest accepted distance between X-Sdk-Date, or created, and now, in either direction. Default: {@link #DEFAULT_SKEW}. */
        public Builder skew(Duration skew) {
            if (skew.isNegative()) throw new IllegalArgumentException("skew is negative");
            this.skew = skew;
            return this;
        }

        /** Accepts requests whose signature does not cover the body. */
        public Builder allowUnsignedPayload(boolean allow) {
            this.allowUnsignedPayload = allow;
            return this;
        }

        /** The header with the gateway's signature (backend_sign_header). Default: authorization. */
        public Builder signatureHeader(String name) {
            this.signatureHeader = Objects.requireNonNull(name);
            return this;
        }

        /** Accepts each request once. Default: none, so a request may be repeated within the skew. */
        public Builder replayStore(ReplayStore store) {
            this.replayStore = store;
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

        /** Adapters pass every request on, and log and count those that would be refused. */
        public Builder reportOnly(boolean reportOnly) {
            this.reportOnly = reportOnly;
            return this;
        }

        /** @throws UnusableKeyException if one of a fixed list of keys is not usable */
        public Verifier build() {
            int sources = (fixed == null ? 0 : 1) + (lookup == null ? 0 : 1) + (service == null ? 0 : 1);
            if (sources != 1) throw new IllegalArgumentException("a verifier has exactly one of keys, lookup and service");
            return new Verifier(this);
        }
    }
}
