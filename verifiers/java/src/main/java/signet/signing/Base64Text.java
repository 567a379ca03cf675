package signet.signing;

import java.util.Base64;

/** Base64 of requests, of which each value has one spelling, and base64 of keys, which is read as the reference implementation reads it. */
final class Base64Text {
    private Base64Text() {}

    /** @return null unless the text is padded base64 of the standard alphabet, its unused bits zero, and nothing else */
    static byte[] strict(String text) {
        try {
            byte[] decoded = Base64.getDecoder().decode(text);
            // The decoder also reads text without padding, and passes over unused bits.
            return Base64.getEncoder().encodeToString(decoded).equals(text) ? decoded : null;
        } catch (IllegalArgumentException notBase64) {
            return null;
        }
    }

    /** Both alphabets, with or without padding; other characters are skipped. */
    static byte[] lenient(String text) {
        int end = text.indexOf('=');
        String digits = (end < 0 ? text : text.substring(0, end)).replace('-', '+').replace('_', '/').replaceAll("[^A-Za-z0-9+/]", "");
        return Base64.getDecoder().decode(digits.length() % 4 == 1 ? digits.substring(0, digits.length() - 1) : digits);
    }

    static String of(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }
}
