package signet.signing;

import java.nio.charset.Charset;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Parameters of a query and of a form, read as the signature reads them: servers drop or change pairs with a bad percent sign. */
public final class Form {
    private Form() {}

    /**
     * Those of the query come first.
     *
     * @param form a body of application/x-www-form-urlencoded, one character for each byte; may be empty
     */
    public static Map<String, String[]> parameters(String query, String form, Charset charset) {
        Map<String, String[]> parameters = new LinkedHashMap<>();
        add(parameters, query, charset);
        add(parameters, form, charset);
        return parameters;
    }

    private static void add(Map<String, String[]> parameters, String text, Charset charset) {
        for (String pair : text.split("&")) {
            if (pair.isEmpty()) continue;
            int equals = pair.indexOf('=');
            String name = decoded(equals < 0 ? pair : pair.substring(0, equals), charset);
            String value = decoded(equals < 0 ? "" : pair.substring(equals + 1), charset);
            parameters.merge(name, new String[] {value}, Form::joined);
        }
    }

    private static String[] joined(String[] before, String[] after) {
        String[] both = Arrays.copyOf(before, before.length + after.length);
        System.arraycopy(after, 0, both, before.length, after.length);
        return both;
    }

    private static String decoded(String text, Charset charset) {
        return new String(CanonicalRequest.decode(Text.wireText(text), true), charset);
    }
}
