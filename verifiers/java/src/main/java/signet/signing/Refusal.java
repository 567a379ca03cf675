package signet.signing;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** Thrown for a request that is refused. It has no stack trace, because strangers decide how many there are. */
public final class Refusal extends Exception {
    private static final long serialVersionUID = 1;

    private final Code code;
    private final String hint;

    /** @param hint helps to configure the sender, and never contains a secret */
    public Refusal(Code code, String hint) {
        super(code + ": " + hint, null, false, false);
        this.code = Objects.requireNonNull(code);
        this.hint = Objects.requireNonNull(hint);
    }

    public Code code() {
        return code;
    }

    /** For logs; the text may change. */
    public String hint() {
        return hint;
    }

    /** The refusal as JSON, {@code {"code", "hint"}}. */
    public String json() {
        return "{\"code\":\"" + code + "\",\"hint\":\"" + hint.replaceAll("[\\\\\"]", "\\\\$0").replaceAll("[^ -~]", "?") + "\"}\n";
    }

    /** Headers of the answer. */
    public Map<String, String> headers() {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Content-Type", "application/json");
        headers.put("Cache-Control", "no-store");
        if (status() == 413) headers.put("Connection", "close");
        if (status() == 503) headers.put("Retry-After", "1");
        if (status() == 401 && code != Code.NO_SIGNATURE) headers.put("WWW-Authenticate", SignType.HMAC.scheme());
        return headers;
    }

    /** The status of the answer: 401, 413 or 503. */
    public int status() {
        switch (code) {
            case TOO_LARGE:
                return 413;
            case KEYS_UNAVAILABLE:
            case STORE_UNAVAILABLE:
                return 503;
            default:
                return 401;
        }
    }
}
