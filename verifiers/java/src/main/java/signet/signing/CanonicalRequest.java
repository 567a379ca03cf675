package signet.signing;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The bytes that are signed (docs/signing.md). */
final class CanonicalRequest {
    /** The payload line of a body that the signature does not cover. */
    static final String UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

    private static final Pattern AUTHORITY = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*");
    private static final String UPPER_HEX = "0123456789ABCDEF";

    private CanonicalRequest() {}

    /**
     * Never fails: every text has a canonical form.
     *
     * @param headerLines {@code name:value\n} in the order of signedHeaders
     */
    static String of(String method, String target, String headerLines, String signedHeaders, String payload) {
        String[] parts = splitTarget(target);
        return String.join("\n", method.toUpperCase(Locale.ROOT), uri(parts[0]), query(parts[1]), headerLines, signedHeaders, payload);
    }

    static String stringToSign(String scheme, String date, String canonical) {
        return scheme + "\n" + date + "\n" + Digests.sha256Hex(Text.utf8(canonical));
    }

    /** A request target has no other characters (RFC 9112), and applications read them in different ways. */
    static boolean isTarget(String target) {
        return target.chars().noneMatch(each -> each == '#' || each <= ' ' || each == 0x7f);
    }

    /** Path and query, split at the first question mark. Scheme and authority are not signed. */
    static String[] splitTarget(String target) {
        Matcher authority = AUTHORITY.matcher(target);
        String rest = !target.startsWith("/") && authority.lookingAt() ? target.substring(authority.end()) : target;
        int mark = rest.indexOf('?');
        return mark < 0 ? new String[] {rest, ""} : new String[] {rest.substring(0, mark), rest.substring(mark + 1)};
    }

    /** Decodes and encodes each segment, so that %2F stays in its segment. Dot segments and empty ones are kept. */
    private static String uri(String path) {
        StringBuilder encoded = new StringBuilder(path.length() + 1);
        for (String segment : path.split("/", -1)) encoded.append(encode(decode(segment, false))).append('/');
        // The last one ends the path, or is the one that was added.
        if (path.endsWith("/")) encoded.setLength(encoded.length() - 1);
        return encoded.toString();
    }

    /** Sorts by decoded name, then decoded value. A missing = is added, empty pairs are dropped, + is a space. */
    private static String query(String query) {
        List<byte[][]> pairs = new ArrayList<>();
        for (String pair : query.split("&")) {
            if (pair.isEmpty()) continue;
            int equals = pair.indexOf('=');
            String name = equals < 0 ? pair : pair.substring(0, equals);
            pairs.add(new byte[][] {decode(name, true), decode(equals < 0 ? "" : pair.substring(equals + 1), true)});
        }
        // Bytes of UTF-8 have the order of code points.
        pairs.sort((a, b) -> Arrays.equals(a[0], b[0]) ? Arrays.compareUnsigned(a[1], b[1]) : Arrays.compareUnsigned(a[0], b[0]));
        StringBuilder encoded = new StringBuilder(query.length());
        for (byte[][] pair : pairs) {
            if (encoded.length() > 0) encoded.append('&');
            encoded.append(encode(pair[0])).append('=').append(encode(pair[1]));
        }
        return encoded.toString();
    }

    /** Takes a % without two hexadecimal digits for a percent sign. */
    static byte[] decode(String text, boolean plusIsSpace) {
        byte[] bytes = Text.utf8(text);
        ByteArrayOutputStream decoded = new ByteArrayOutputStream(bytes.length);
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == '%' && i + 2 < bytes.length && Text.hexDigit(bytes[i + 1]) >= 0 && Text.hexDigit(bytes[i + 2]) >= 0) {
                decoded.write(Text.hexDigit(bytes[i + 1]) << 4 | Text.hexDigit(bytes[i + 2]));
                i += 2;
            } else {
                decoded.write(bytes[i] == '+' && plusIsSpace ? ' ' : bytes[i]);
            }
        }
        return decoded.toByteArray();
    }

    /** Encodes all bytes but the unreserved characters of RFC 3986, in upper case. */
    private static String encode(byte[] bytes) {
        StringBuilder encoded = new StringBuilder(bytes.length);
        for (byte each : bytes) {
            if (each >= 'A' && each <= 'Z' || each >= 'a' && each <= 'z' || each >= '0' && each <= '9' || "-._~".indexOf(each) >= 0 && each > 0) {
                encoded.append((char) each);
            } else {
                encoded.append('%').append(UPPER_HEX.charAt(each >> 4 & 15)).append(UPPER_HEX.charAt(each & 15));
            }
        }
        return encoded.toString();
    }
}
