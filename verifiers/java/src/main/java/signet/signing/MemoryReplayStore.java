package signet.signing;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;

/** A store of one process. */
public final class MemoryReplayStore implements ReplayStore {
    private static final int DEFAULT_LIMIT = 1_000_000;
    private static final Duration SWEEP_EVERY = Duration.ofMinutes(1);
    /** A full store is not scanned for every request. */
    private static final Duration SWEEP_FULL_EVERY = Duration.ofSeconds(1);

    private final int limit;
    private final Map<String, Instant> seen = new HashMap<>();
    private Instant sweepAt = Instant.MIN;

    public MemoryReplayStore() {
        this(DEFAULT_LIMIT);
    }

    /** @param limit its capacity. A full store refuses new requests instead of forgetting accepted ones. */
    public MemoryReplayStore(int limit) {
        if (limit < 1) throw new IllegalArgumentException("limit is at least 1");
        this.limit = limit;
    }

    @Override
    public synchronized boolean remember(String id, Instant expiresAt, Instant now) {
        if (!now.isBefore(sweepAt)) {
            seen.values().removeIf(end -> end.isBefore(now));
            sweepAt = now.plus(seen.size() < limit ? SWEEP_EVERY : SWEEP_FULL_EVERY);
        }
        if (seen.containsKey(id) || seen.size() >= limit) return false;
        seen.put(id, expiresAt);
        Instant soon = now.plus(SWEEP_FULL_EVERY);
        if (seen.size() >= limit && soon.isBefore(sweepAt)) sweepAt = soon;
        return true;
    }
}
