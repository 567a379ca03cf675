package signet.signing;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The first line in which two canonical requests, or two signature bases, differ. */
public final class Difference {
    private static final Pattern COMPONENT = Pattern.compile("\"([^\"]*)\": ");
    private static final String[] FIRST = {"method", "uri", "query"};

    private final String part;
    private final String received;
    private final String signed;
    private final int column;

    private Difference(String part, String received, String signed, int column) {
        this.part = part;
        this.received = received;
        this.signed = signed;
        this.column = column;
    }

    /**
     * Compares the verifier's canonical request with the signer's.
     *
     * @return null when both are equal: then the secret differs
     */
    public static Difference between(String received, String signed) {
        String[] ours = received.split("\n", -1);
        String[] theirs = signed.split("\n", -1);
        for (int line = 0; line < Math.max(ours.length, theirs.length); line++) {
            String a = line < ours.length ? ours[line] : "";
            String b = line < theirs.length ? theirs[line] : "";
            if (a.equals(b) && line < ours.length && line < theirs.length) continue;
            int column = 0;
            while (column < Math.min(a.length(), b.length()) && a.charAt(column) == b.charAt(column)) column++;
            return new Difference(partOf(ours, line), a, b, column);
        }
        return null;
    }

    /** The component of a signature base; else of a canonical request: method, URI, query, a line for each header, an empty line, signed headers, payload. */
    private static String partOf(String[] lines, int line) {
        Matcher component = COMPONENT.matcher(line < lines.length ? lines[line] : "");
        if (component.lookingAt()) return component.group(1);
        if (line < FIRST.length) return FIRST[line];
        if (line == lines.length - 2) return "signedHeaders";
        if (line == lines.length - 1) return "payload";
        String header = line < lines.length ? lines[line].split(":", 2)[0] : "";
        return header.isEmpty() ? "number of lines" : "header " + header;
    }

    /** method, uri, query, "header host", …, signedHeaders or payload; or a component. */
    public String part() {
        return part;
    }

    public String received() {
        return received;
    }

    public String signed() {
        return signed;
    }

    /** Index of the first different character. */
    public int column() {
        return column;
    }

    @Override
    public String toString() {
        return part + ", from character " + column + ": received \"" + received + "\", signed \"" + signed + "\"";
    }
}
