package signet.signing;

import java.time.Duration;

/** A time by both clocks, because the monotonic one may stop while the machine sleeps, and the wall clock can be set. */
final class Moment {
    private final long nanos;
    private final long wallMillis;

    Moment(long nanos, long wallMillis) {
        this.nanos = nanos;
        this.wallMillis = wallMillis;
    }

    static Moment now() {
        return new Moment(System.nanoTime(), System.currentTimeMillis());
    }

    /** The longer time by the two clocks. */
    Duration since(Moment then) {
        Duration monotonic = Duration.ofNanos(nanos - then.nanos);
        Duration wall = Duration.ofMillis(wallMillis - then.wallMillis);
        return wall.compareTo(monotonic) > 0 ? wall : monotonic;
    }
}
