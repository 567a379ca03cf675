package signet.signing;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON (RFC 8259) into Map, List, String, BigDecimal, Boolean and null: the JDK has no parser. */
final class Json {
    private static final int MOST_DEPTH = 64;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** @throws IllegalArgumentException for other text; the message has nothing of it */
    static Object parse(String text) {
        Json json = new Json(text);
        Object value = json.value(0);
        json.space();
        if (json.at != text.length()) throw json.wrong();
        return value;
    }

    private Object value(int depth) {
        if (depth > MOST_DEPTH) throw wrong();
        space();
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return list(depth);
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        if (ends('}')) return members;
        do {
            space();
            String name = string();
            space();
            expect(':');
            members.put(name, value(depth + 1));
        } while (more('}'));
        return members;
    }

    private List<Object> list(int depth) {
        List<Object> items = new ArrayList<>();
        at++;
        if (ends(']')) return items;
        do {
            items.add(value(depth + 1));
        } while (more(']'));
        return items;
    }

    private boolean ends(char end) {
        space();
        if (peek() != end) return false;
        at++;
        return true;
    }

    private boolean more(char end) {
        if (ends(end)) return false;
        expect(',');
        return true;
    }

    private String string() {
        expect('"');
        StringBuilder read = new StringBuilder();
        for (char each = next(); each != '"'; each = next()) {
            if (each < ' ') throw wrong();
            read.append(each == '\\' ? escaped() : each);
        }
        return read.toString();
    }

    private char escaped() {
        char each = next();
        int known = "\"\\/bfnrt".indexOf(each);
        if (known >= 0) return "\"\\/\b\f\n\r\t".charAt(known);
        if (each != 'u') throw wrong();
        int unit = 0;
        for (int i = 0; i < 4; i++) {
            int digit = Text.hexDigit(next());
            if (digit < 0) throw wrong();
            unit = unit << 4 | digit;
        }
        return (char) unit;
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) throw wrong();
        at += word.length();
        return value;
    }

    private BigDecimal number() {
        int start = at;
        while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) at++;
        String digits = text.substring(start, at);
        if (!digits.matches("-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")) throw wrong();
        return new BigDecimal(digits);
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) at++;
    }

    private char peek() {
        if (at >= text.length()) throw wrong();
        return text.charAt(at);
    }

    private char next() {
        char each = peek();
        at++;
        return each;
    }

    private void expect(char wanted) {
        if (next() != wanted) throw wrong();
    }

    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("no JSON from character " + at + " on");
    }
}
