package signet.signing;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Dictionaries of structured fields (RFC 8941). Texts of strangers are read in a loop: a regular expression could end with the stack. */
final class StructuredFields {
    /** The type of a bare item. */
    enum Type { INTEGER, DECIMAL, STRING, TOKEN, BYTES, BOOLEAN }

    /** An item without its parameters. */
    static final class BareItem {
        private static final BareItem TRUE = new BareItem(Type.BOOLEAN, "true");

        final Type type;
        /** The content of a string, the base64 of bytes, true or false; for other types the text as received. */
        final String value;

        BareItem(Type type, String value) {
            this.type = type;
            this.value = value;
        }

        static BareItem string(String value) {
            return new BareItem(Type.STRING, value);
        }

        boolean is(Type type, String value) {
            return this.type == type && this.value.equals(value);
        }
    }

    /** An item or, without a bare one, an inner list. */
    static final class Member {
        final BareItem bare;
        final List<Member> items;
        final Map<String, BareItem> parameters;

        private Member(BareItem bare, List<Member> items, Map<String, BareItem> parameters) {
            this.bare = bare;
            this.items = items;
            this.parameters = parameters;
        }
    }

    private static final String LOWER = "abcdefghijklmnopqrstuvwxyz";
    private static final String UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private static final String DIGITS = "0123456789";
    private static final String KEY = LOWER + DIGITS + "_-.*";
    private static final String TOKEN = "!#$%&'*+-.^_`|~:/" + DIGITS + UPPER + LOWER;
    private static final String BASE64 = "+/=" + DIGITS + UPPER + LOWER;
    private static final Pattern NUMBER = Pattern.compile("-?(?:[0-9]{1,12}\\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])");

    private final String text;
    private int at;

    private StructuredFields(String text) {
        this.text = text;
    }

    /**
     * Stricter than the RFC in two points, so that two parsers never read one text differently: a key is there once, in the dictionary and in
     * parameters, and base64 is canonical.
     *
     * @return null for any other text
     */
    static Map<String, Member> dictionary(String text) {
        try {
            return new StructuredFields(Text.strip(text, " ")).members();
        } catch (NotOne other) {
            return null;
        }
    }

    /** @throws IllegalArgumentException for other characters than printable ASCII */
    static String string(String text) {
        if (!Text.isPrintable(text)) throw new IllegalArgumentException("a structured string is printable ASCII");
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    private Map<String, Member> members() throws NotOne {
        Map<String, Member> members = new LinkedHashMap<>();
        while (at < text.length()) {
            if (!members.isEmpty()) {
                span(" \t");
                need(',');
                span(" \t");
            }
            String key = key(members);
            if (!skip('=')) members.put(key, new Member(BareItem.TRUE, null, parameters()));
            else members.put(key, next() == '(' ? innerList() : item());
        }
        return members;
    }

    private Member innerList() throws NotOne {
        List<Member> items = new ArrayList<>();
        need('(');
        while (true) {
            boolean spaces = !span(" ").isEmpty();
            if (skip(')')) return new Member(null, items, parameters());
            // Two items are separated by at least one space.
            if (!items.isEmpty() && !spaces) throw new NotOne();
            items.add(item());
        }
    }

    private Member item() throws NotOne {
        BareItem bare = bareItem();
        return new Member(bare, null, parameters());
    }

    private Map<String, BareItem> parameters() throws NotOne {
        Map<String, BareItem> parameters = new LinkedHashMap<>();
        while (skip(';')) {
            span(" ");
            String key = key(parameters);
            parameters.put(key, skip('=') ? bareItem() : BareItem.TRUE);
        }
        return parameters;
    }

    private BareItem bareItem() throws NotOne {
        int first = next();
        if (first == '"') return BareItem.string(quoted());
        if (first == ':') return bytes();
        if (skip('?')) {
            if (skip('1')) return BareItem.TRUE;
            need('0');
            return new BareItem(Type.BOOLEAN, "false");
        }
        if (first == '-' || first >= '0' && first <= '9') {
            Matcher number = NUMBER.matcher(text).region(at, text.length());
            if (!number.lookingAt()) throw new NotOne();
            at = number.end();
            return new BareItem(number.group().indexOf('.') < 0 ? Type.INTEGER : Type.DECIMAL, number.group());
        }
        return new BareItem(Type.TOKEN, word(UPPER + LOWER + "*", TOKEN));
    }

    private String quoted() throws NotOne {
        need('"');
        StringBuilder value = new StringBuilder();
        while (!skip('"')) {
            boolean escaped = skip('\\');
            int next = next();
            if (escaped ? next != '"' && next != '\\' : next < ' ' || next > '~') throw new NotOne();
            value.append((char) next);
            at++;
        }
        return value.toString();
    }

    private BareItem bytes() throws NotOne {
        need(':');
        String value = span(BASE64);
        need(':');
        if (!value.isEmpty() && Base64Text.strict(value) == null) throw new NotOne();
        return new BareItem(Type.BYTES, value);
    }

    private String key(Map<String, ?> known) throws NotOne {
        String key = word(LOWER + "*", KEY);
        if (known.containsKey(key)) throw new NotOne();
        return key;
    }

    private String word(String first, String others) throws NotOne {
        if (first.indexOf(next()) < 0) throw new NotOne();
        return span(others);
    }

    private String span(String of) {
        int start = at;
        while (at < text.length() && of.indexOf(text.charAt(at)) >= 0) at++;
        return text.substring(start, at);
    }

    /** @return -1 at the end */
    private int next() {
        return at < text.length() ? text.charAt(at) : -1;
    }

    private boolean skip(char wanted) {
        if (next() != wanted) return false;
        at++;
        return true;
    }

    private void need(char wanted) throws NotOne {
        if (!skip(wanted)) throw new NotOne();
    }

    /** The text is no dictionary. */
    private static final class NotOne extends Exception {
        private static final long serialVersionUID = 1;

        NotOne() {
            super(null, null, false, false);
        }
    }
}
