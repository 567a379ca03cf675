package signet.signing;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Text as the signature defines it. String.trim(), strip() and toLowerCase() follow other rules. */
final class Text {
    /** White space of ECMAScript, by which signers trim. */
    static final String SPACE =
            " \t\n\u000b\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff";

    private static final byte[] REPLACEMENT = {(byte) 0xef, (byte) 0xbf, (byte) 0xbd};

    private Text() {}

    static String trim(String text) {
        return strip(text, SPACE);
    }

    /** Without certain characters at the ends. */
    static String strip(String text, String chars) {
        int start = 0;
        int end = text.length();
        while (start < end && chars.indexOf(text.charAt(start)) >= 0) start++;
        while (end > start && chars.indexOf(text.charAt(end - 1)) >= 0) end--;
        return text.substring(start, end);
    }

    /** UTF-8; a lone surrogate counts as U+FFFD. */
    static byte[] utf8(String text) {
        if (text.chars().noneMatch(each -> Character.isSurrogate((char) each))) return text.getBytes(StandardCharsets.UTF_8);
        try {
            ByteBuffer encoded =
                    StandardCharsets.UTF_8.newEncoder().onMalformedInput(CodingErrorAction.REPLACE).replaceWith(REPLACEMENT).encode(CharBuffer.wrap(text));
            byte[] bytes = new byte[encoded.remaining()];
            encoded.get(bytes);
            return bytes;
        } catch (CharacterCodingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Restores UTF-8 from a server that gives one character for each byte. Other text stays as it is. */
    static String wireText(String text) {
        boolean ascii = true;
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) > 0xff) return text;
            if (text.charAt(i) >= 0x80) ascii = false;
        }
        if (ascii) return text;
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1))).toString();
        } catch (CharacterCodingException notUtf8) {
            return text;
        }
    }

    /** Changes the ASCII letters alone: toLowerCase() would also make a k of the Kelvin sign. */
    static String asciiLower(String text) {
        int first = 0;
        while (first < text.length() && !isUpper(text.charAt(first))) first++;
        if (first == text.length()) return text;
        char[] chars = text.toCharArray();
        for (int i = first; i < chars.length; i++) if (isUpper(chars[i])) chars[i] += 'a' - 'A';
        return new String(chars);
    }

    private static boolean isUpper(char letter) {
        return letter >= 'A' && letter <= 'Z';
    }

    static boolean hasLineBreak(String text) {
        return text.indexOf('\r') >= 0 || text.indexOf('\n') >= 0;
    }

    /** Whether a text has nothing but visible ASCII, and something. */
    static boolean isVisible(String text) {
        return !text.isEmpty() && text.chars().allMatch(each -> each > ' ' && each < 0x7f);
    }

    /** Whether a text has nothing but printable ASCII, spaces included. */
    static boolean isPrintable(String text) {
        return text.chars().allMatch(each -> each >= ' ' && each < 0x7f);
    }

    /** What a hint or the log shows of a text that a client chose. */
    static String printable(String text, int most) {
        StringBuilder shown = new StringBuilder(text.substring(0, Math.min(text.length(), most)));
        for (int i = 0; i < shown.length(); i++) if (shown.charAt(i) < '!' || shown.charAt(i) > '~') shown.setCharAt(i, '?');
        return shown.toString();
    }

    /** Value of a hexadecimal digit of ASCII, or -1. */
    static int hexDigit(int digit) {
        if (digit >= '0' && digit <= '9') return digit - '0';
        if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
        if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
        return -1;
    }

    static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder(2 * bytes.length);
        for (byte each : bytes) text.append(Character.forDigit(each >> 4 & 15, 16)).append(Character.forDigit(each & 15, 16));
        return text.toString();
    }

    /** Bytes of an even number of hexadecimal digits. */
    static byte[] bytesOfHex(String digits) {
        byte[] bytes = new byte[digits.length() / 2];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (hexDigit(digits.charAt(2 * i)) << 4 | hexDigit(digits.charAt(2 * i + 1)));
        return bytes;
    }
}
