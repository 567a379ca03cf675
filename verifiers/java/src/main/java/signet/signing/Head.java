package signet.signing;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** A request without its body. */
public final class Head {
    /** The headers of a request. Two names are equal if they differ in the case of ASCII letters alone. */
    public interface Headers {
        /**
         * All values of a header, in their order.
         *
         * @param lowerName the name in lower case
         * @return an empty list if it did not arrive
         */
        List<String> values(String lowerName);
    }

    private final String method;
    private final String target;
    private final Headers headers;

    /** @param target as received: path and query, undecoded, before a router removed a prefix */
    public Head(String method, String target, Headers headers) {
        this.method = Objects.requireNonNull(method);
        this.target = Objects.requireNonNull(target);
        this.headers = Objects.requireNonNull(headers);
    }

    /** @param headers names in any case, as {@link java.net.http.HttpHeaders#map()} and HttpExchange have them */
    public static Head of(String method, String target, Map<String, List<String>> headers) {
        return new Head(method, target, lowerName -> {
            List<String> values = new ArrayList<>();
            headers.forEach((name, each) -> {
                if (name != null && sameName(name, lowerName)) values.addAll(each);
            });
            return values;
        });
    }

    /** @param headers pairs of name and value, in the order of the wire */
    public static Head of(String method, String target, List<Map.Entry<String, String>> headers) {
        return new Head(method, target, lowerName -> {
            List<String> values = new ArrayList<>();
            for (Map.Entry<String, String> each : headers) if (sameName(each.getKey(), lowerName)) values.add(each.getValue());
            return values;
        });
    }

    public String method() {
        return method;
    }

    public String target() {
        return target;
    }

    /** Whether a name is the one that is given in lower case. Only ASCII letters may have another case: with others, the Kelvin sign would be a k. */
    public static boolean sameName(String name, String lowerName) {
        return Text.asciiLower(name).equals(lowerName);
    }

    /** Values of a repeated header are joined, so that a repeated signature is refused. @return null if it did not arrive */
    String value(String lowerName) {
        List<String> values = headers.values(lowerName);
        return values.isEmpty() ? null : Text.wireText(String.join(", ", values));
    }
}
