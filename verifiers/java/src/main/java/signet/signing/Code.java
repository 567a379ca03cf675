package signet.signing;

import java.util.Locale;

/** Why a request was refused. docs/result-codes.md of Signet has the cause of each code, and what to do. */
public enum Code {
    NO_AUTHORIZATION,
    MALFORMED,
    UNKNOWN_KEY,
    SKEW,
    MISSING_SIGNED_HEADER,
    BODY_HASH_MISMATCH,
    SIGNATURE_MISMATCH,
    BODY_UNSIGNED,
    REPLAYED,
    /** A webhook without a signature header. */
    NO_SIGNATURE,
    /** The body is longer than the limit: 413. */
    TOO_LARGE,
    /** There are no keys, or they are too old: 503. */
    KEYS_UNAVAILABLE,
    /** The replay store failed: 503. */
    STORE_UNAVAILABLE;

    private final String wire = name().toLowerCase(Locale.ROOT);

    /** The code as every verifier writes it, such as {@code no_authorization}. */
    @Override
    public String toString() {
        return wire;
    }
}
