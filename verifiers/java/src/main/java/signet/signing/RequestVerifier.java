package signet.signing;

/**
 * What an adapter to a web framework needs. The body is read between the two steps, so that nobody can make a server read one without a valid head.
 *
 * @param <V> what a request is accepted as
 */
public interface RequestVerifier<V> {
    /** A request whose headers are valid. */
    interface Begun<V> {
        /**
         * Verifies the body, and looks at clock and keys again: the client decides how long its body takes.
         *
         * @param body as received
         */
        V finish(byte[] body) throws Refusal;
    }

    /** Checks everything that headers show. */
    Begun<V> begin(Head head) throws Refusal;

    /** Limits, counts and report-only mode. */
    Admission admission();
}
