package signet.signing;

import java.util.EnumMap;
import java.util.Map;

/** What all adapters share: the limit of bodies, report-only mode, and the counts. */
public final class Admission {
    /** The gateway's own limit. */
    public static final int DEFAULT_LIMIT_BYTES = 12 << 20;

    private static final System.Logger LOG = System.getLogger("signet.signing");
    private static final int MOST_LOGGED = 200;
    private static final long LOG_EVERY_NANOS = 1_000_000_000L;

    private final int limitBytes;
    private final boolean reportOnly;
    private final Map<Code, Long> refused = new EnumMap<>(Code.class);
    private final Map<Code, Long> loggedAt = new EnumMap<>(Code.class);
    private long accepted;

    Admission(int limitBytes, boolean reportOnly) {
        // One byte more is read.
        if (limitBytes < 0 || limitBytes == Integer.MAX_VALUE) throw new IllegalArgumentException("limitBytes is from 0 to 2147483646");
        this.limitBytes = limitBytes;
        this.reportOnly = reportOnly;
    }

    /** The largest body that is read for verification. */
    public int limitBytes() {
        return limitBytes;
    }

    public boolean reportOnly() {
        return reportOnly;
    }

    public Refusal tooLarge() {
        return new Refusal(Code.TOO_LARGE, "the body is longer than " + limitBytes + " bytes");
    }

    /** For a body of which something else may have used a part, which no signature covers. */
    public static Refusal readBefore() {
        return new Refusal(Code.MALFORMED, "the body was read before it could be verified, or ended early");
    }

    /** Counts a request that is accepted. */
    public synchronized void accept() {
        accepted++;
    }

    /**
     * Counts a request that is refused. Report-only mode logs it: a line a second for each code, because clients decide how many there are.
     *
     * @param path without query
     * @return true if the request passes all the same: report-only mode
     */
    public boolean letsPass(Refusal refusal, String method, String path) {
        long count;
        synchronized (this) {
            count = refused.merge(refusal.code(), 1L, Long::sum);
            if (!reportOnly) return false;
            Long before = loggedAt.get(refusal.code());
            long now = System.nanoTime();
            if (before != null && now - before < LOG_EVERY_NANOS) return true;
            loggedAt.put(refusal.code(), now);
        }
        LOG.log(System.Logger.Level.WARNING, "would refuse \"{0}\" \"{1}\": {2} ({3} so far)",
                Text.printable(method, MOST_LOGGED), Text.printable(path, MOST_LOGGED), refusal.getMessage(), Long.toString(count));
        return true;
    }

    public synchronized Stats stats() {
        return new Stats(accepted, new EnumMap<>(refused));
    }

    /** Counts since the start. In report-only mode, {@code refused} counts what would be refused. */
    public static final class Stats {
        private final long accepted;
        private final Map<Code, Long> refused;

        private Stats(long accepted, Map<Code, Long> refused) {
            this.accepted = accepted;
            this.refused = refused;
        }

        public long accepted() {
            return accepted;
        }

        public long refused(Code code) {
            return refused.getOrDefault(code, 0L);
        }

        @Override
        public String toString() {
            return "accepted " + accepted + ", refused " + refused;
        }
    }
}
