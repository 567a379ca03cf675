package signet.signing;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A signature in the Authorization header, or in another one with its form: all types of keys but http-message-signatures. */
final class Authorization extends SignedRequest {
    private static final Pattern FORM =
            Pattern.compile("Access=([^," + Text.SPACE + "]+), *SignedHeaders=([!-+\\--~]+), *Signature=([0-9A-Fa-f]+)");
    private static final Pattern DATE = Pattern.compile("([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z");

    private final Head head;
    /** As in the header; empty for BASIC. */
    private final String signedHeaders;
    private String date = "";
    private String headerLines = "";
    /** Null: the request announces no hash. */
    private String announced;

    private Authorization(Head head, SignType type, String accessId, String signedHeaders, String signature) {
        super(type, accessId, signature);
        this.head = head;
        this.signedHeaders = signedHeaders;
    }

    /** @param value of the header, trimmed */
    static Authorization parse(Head head, String signatureHeader, String value) throws Refusal {
        if (value.isEmpty()) throw new Refusal(Code.NO_AUTHORIZATION, "there is no " + signatureHeader + " header");
        if (value.equals("unsigned")) throw new Refusal(Code.NO_AUTHORIZATION, "the gateway let this request pass without signing it");
        int space = value.indexOf(' ');
        SignType type = SignType.ofScheme(space < 0 ? value : value.substring(0, space));
        if (type == null) throw malformed("the header names no scheme that is known here");
        Authorization parsed = parse(head, type, space < 0 ? "" : Text.trim(value.substring(space)));
        if (parsed == null) throw malformed("the header does not have the form of " + type.scheme());
        if (!CanonicalRequest.isTarget(head.target())) throw malformed("a request target has no #, space or control character");
        if (type.covers()) parsed.readSigned();
        return parsed;
    }

    /** @return null for another form */
    private static Authorization parse(Head head, SignType type, String credentials) {
        if (!type.covers()) {
            byte[] pair = Base64Text.strict(credentials);
            String text = pair == null ? "" : new String(pair, StandardCharsets.UTF_8);
            int colon = text.indexOf(':');
            return colon < 1 ? null : new Authorization(head, type, text.substring(0, colon), "", text.substring(colon + 1));
        }
        Matcher parts = FORM.matcher(credentials);
        if (!parts.matches() || parts.group(3).length() % 2 != 0) return null;
        return new Authorization(head, type, parts.group(1), parts.group(2), parts.group(3));
    }

    private void readSigned() throws Refusal {
        readSignedHeaders();
        String given = head.value("x-sdk-date");
        date = given == null ? "" : Text.trim(given);
        signedAt = instantOf(date);
        String payload = head.value("x-sdk-content-sha256");
        announced = payload == null ? null : Text.trim(payload);
        if (announced != null && Text.hasLineBreak(announced)) throw malformed("a header value has a line break");
        bodySigned = !CanonicalRequest.UNSIGNED_PAYLOAD.equals(announced);
    }

    /** Reads the signed headers in order, names in lower case. */
    private void readSignedHeaders() throws Refusal {
        String[] names = signedHeaders.split(";", MOST_SIGNED_HEADERS + 1);
        if (names.length > MOST_SIGNED_HEADERS) throw malformed("more than 64 headers are signed");
        Set<String> seen = new HashSet<>();
        int chars = head.target().length();
        StringBuilder lines = new StringBuilder();
        for (String name : names) {
            String lower = Text.asciiLower(name);
            if (!seen.add(lower)) throw malformed("a header is signed twice: " + Text.printable(lower, 64));
            String given = head.value(lower);
            if (given == null) throw new Refusal(Code.MISSING_SIGNED_HEADER, "a signed header did not arrive: " + Text.printable(lower, 64));
            String value = Text.trim(given);
            chars += value.length();
            if (chars > MOST_SIGNED_CHARS) throw malformed("more than 65536 characters are signed");
            if (Text.hasLineBreak(value)) throw malformed("a header value has a line break");
            lines.append(lower).append(':').append(value).append('\n');
        }
        if (!seen.contains("x-sdk-date")) throw new Refusal(Code.MISSING_SIGNED_HEADER, "x-sdk-date is not signed");
        headerLines = lines.toString();
    }

    private static Instant instantOf(String date) throws Refusal {
        Matcher parts = DATE.matcher(date);
        try {
            if (parts.matches()) {
                int[] each = new int[6];
                for (int i = 0; i < each.length; i++) each[i] = Integer.parseInt(parts.group(i + 1));
                // The signer's own dates begin with the year 100.
                if (each[0] >= 100) return LocalDateTime.of(each[0], each[1], each[2], each[3], each[4], each[5]).toInstant(ZoneOffset.UTC);
            }
        } catch (DateTimeException noSuchDay) {
            // The same refusal.
        }
        throw malformed("X-Sdk-Date has the form YYYYMMDDTHHMMSSZ");
    }

    @Override
    List<String> signedHeaders() {
        return signedHeaders.isEmpty() ? List.of() : List.of(Text.asciiLower(signedHeaders).split(";"));
    }

    /** With the payload that the request announces, or the body's own hash. */
    @Override
    String canonical(byte[] body) {
        if (!type.covers()) return "";
        String payload = announced == null ? Digests.sha256Hex(body) : announced;
        return CanonicalRequest.of(head.method(), Text.wireText(head.target()), headerLines, signedHeaders, payload);
    }

    @Override
    String stringToSign(byte[] body) {
        return type.covers() ? CanonicalRequest.stringToSign(type.scheme(), date, canonical(body)) : "";
    }

    @Override
    boolean bodyMatches(byte[] body) {
        return announced == null || announced.equals(CanonicalRequest.UNSIGNED_PAYLOAD) || announced.equals(Digests.sha256Hex(body));
    }
}
