package signet.signing;

import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import signet.signing.StructuredFields.BareItem;
import signet.signing.StructuredFields.Member;
import signet.signing.StructuredFields.Type;

/** An HTTP message signature (RFC 9421) of a key of the type http-message-signatures, as docs/signing.md defines it. */
final class MessageSignature extends SignedRequest {
    /** Marks the signature that verifiers of signature keys look for, among others in one request. */
    private static final String TAG = "signet";
    /** The label of our signatures. It is not signed, so verifiers look for the tag. */
    private static final String LABEL = "signet";
    /** What a signature must cover, apart from the body. */
    private static final List<String> REQUIRED = List.of("@method", "@authority", "@path", "@query");
    private static final String DIGEST = "content-digest";
    /** A signature with any other parameter is refused: it could mean a restriction. */
    private static final Map<String, Type> PARAMETERS = Map.of("created", Type.INTEGER, "expires", Type.INTEGER, "keyid", Type.STRING, "alg", Type.STRING,
            "nonce", Type.STRING, "tag", Type.STRING);
    private static final Pattern SECONDS = Pattern.compile("0|[1-9][0-9]{0,14}");
    private static final Pattern FIELD = Pattern.compile("[!#$%&'*+.^_`|~0-9a-z-]+");
    /** A signature base is ASCII, and a header value that is not would be read differently by servers in different languages. */
    private static final Pattern PRINTABLE = Pattern.compile("[\t -~]*");
    /** Origin-form or absolute form. */
    private static final Pattern TARGET = Pattern.compile("(?:/|[A-Za-z][A-Za-z0-9+.-]*://)[!\"$-~]*");
    private static final Pattern ORIGIN_FORM = Pattern.compile("/[!\"$-~]*");
    private static final Pattern AUTHORITY = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]*://([^/?]*)");
    private static final Pattern DEFAULT_PORT = Pattern.compile(":(?:80|443)\\z");

    private final Map<String, String> values;
    private final String base;
    /** In base64; null if the signature does not cover the body. */
    private final Map<String, String> digests;

    private MessageSignature(SignType type, Map<String, BareItem> parameters, String signature, Map<String, String> values, Map<String, String> digests) {
        super(type, parameters.get("keyid").value, signature);
        this.values = values;
        this.digests = digests;
        base = base(values, parameters(new ArrayList<>(values.keySet()), parameters));
        signedAt = instantOf(parameters.get("created"));
        expiresAt = parameters.containsKey("expires") ? instantOf(parameters.get("expires")) : null;
        bodySigned = digests != null;
    }

    private static Instant instantOf(BareItem seconds) {
        return Instant.ofEpochSecond(Long.parseLong(seconds.value));
    }

    /**
     * Looks for the signature with our tag.
     *
     * @param alternative whether the request has an Authorization header that may be a signature instead
     * @return null when there is none, which is decided before anything else is checked
     */
    static MessageSignature find(Head head, boolean alternative) throws Refusal {
        String text = head.value("signature-input");
        if (text == null) return null;
        Map<String, Member> inputs = dictionary(text);
        if (inputs == null) {
            if (alternative) return null;
            throw malformed("Signature-Input is not a dictionary with each key once");
        }
        String label = null;
        for (Map.Entry<String, Member> each : inputs.entrySet()) {
            BareItem tag = each.getValue().parameters.get("tag");
            if (tag == null || !tag.is(Type.STRING, TAG)) continue;
            if (label != null) throw malformed("more than one signature has the tag " + TAG);
            label = each.getKey();
        }
        if (label == null) return null;
        Member member = inputs.get(label);
        if (member.items == null) throw malformed("a member of Signature-Input is an inner list");
        String signature = signatureNamed(label, head);
        return read(head, text.length(), member, signature);
    }

    private static Map<String, Member> dictionary(String text) {
        return text.length() > MOST_SIGNED_CHARS ? null : StructuredFields.dictionary(Text.strip(text, " \t"));
    }

    private static String signatureNamed(String label, Head head) throws Refusal {
        String text = head.value("signature");
        if (text == null) throw malformed("there is a Signature-Input header and no Signature header");
        Map<String, Member> signatures = dictionary(text);
        if (signatures == null) throw malformed("Signature is not a dictionary with each key once");
        Member member = signatures.get(label);
        if (member == null || member.bare == null || member.bare.type != Type.BYTES || !member.parameters.isEmpty()) {
            throw malformed("Signature has no byte sequence with the label of Signature-Input");
        }
        return member.bare.value;
    }

    private static MessageSignature read(Head head, int inputChars, Member member, String signature) throws Refusal {
        if (!Text.isVisible(head.method())) throw malformed("a method is printable ASCII");
        if (!TARGET.matcher(head.target()).matches()) {
            throw malformed("a target starts with a slash or a scheme, and is printable ASCII without # and spaces");
        }
        checkParameters(member.parameters);
        String host = head.value("host");
        String authority = host == null ? "" : Text.strip(host, " \t");
        Map<String, String> values = values(head, authority, member.items, inputChars + head.target().length());
        Matcher named = AUTHORITY.matcher(head.target());
        if (named.lookingAt() && !Text.asciiLower(named.group(1)).equals(Text.asciiLower(authority))) {
            throw malformed("the target names another authority than Host");
        }
        SignType type = SignType.ofMessage(member.parameters.get("alg").value);
        if (type == null) throw malformed("the signature names no algorithm that is known here");
        Map<String, String> digests = null;
        if (values.containsKey(DIGEST)) {
            digests = digests(values.get(DIGEST));
            if (digests == null) throw malformed("Content-Digest has no digest of sha-256 or sha-512");
        }
        return new MessageSignature(type, member.parameters, signature, values, digests);
    }

    private static void checkParameters(Map<String, BareItem> parameters) throws Refusal {
        for (Map.Entry<String, BareItem> each : parameters.entrySet()) {
            Type type = PARAMETERS.get(each.getKey());
            if (type == null) throw malformed("the signature has an unknown parameter: " + Text.printable(each.getKey(), 64));
            BareItem item = each.getValue();
            if (item.type != type || type == Type.INTEGER && !SECONDS.matcher(item.value).matches()) {
                throw malformed("the parameter " + each.getKey() + " of the signature has another type");
            }
        }
        boolean complete = parameters.containsKey("created") && parameters.containsKey("alg") && parameters.containsKey("keyid");
        if (!complete || parameters.get("keyid").value.isEmpty()) throw malformed("a signature has created, keyid and alg");
    }

    /**
     * The covered components in order, by name.
     *
     * @param chars length of what else is signed
     */
    private static Map<String, String> values(Head head, String authority, List<Member> items, int chars) throws Refusal {
        if (items.size() > MOST_SIGNED_HEADERS) throw malformed("more than 64 components are signed");
        Map<String, String> values = new LinkedHashMap<>();
        for (Member item : items) {
            if (item.bare.type != Type.STRING || !item.parameters.isEmpty()) throw malformed("a component is a string without parameters");
            String name = item.bare.value;
            String printed = name.substring(0, Math.min(name.length(), 64));
            if (values.containsKey(name)) throw malformed("a component is signed twice: " + printed);
            boolean derived = name.startsWith("@");
            if (!derived && !FIELD.matcher(name).matches()) throw malformed("a component is no field name in lower case: " + printed);
            String value = derived ? derived(name, head.method(), authority, head.target()) : head.value(name);
            if (value == null && derived) throw malformed("a component is not known here: " + printed);
            if (value == null || name.equals("@authority") && value.isEmpty()) {
                throw new Refusal(Code.MISSING_SIGNED_HEADER, "a signed component did not arrive: " + printed);
            }
            chars += value.length();
            if (chars > MOST_SIGNED_CHARS) throw malformed("more than 65536 characters are signed");
            if (!PRINTABLE.matcher(value).matches()) throw malformed("the value of a signed component is not printable ASCII: " + printed);
            values.put(name, Text.strip(value, " \t"));
        }
        for (String name : REQUIRED) if (!values.containsKey(name)) throw new Refusal(Code.MISSING_SIGNED_HEADER, name + " is not signed");
        return values;
    }

    /** Digests in base64, of the algorithms that are known here. @return null when there is none, or for other text (RFC 9530) */
    private static Map<String, String> digests(String text) {
        Map<String, Member> dictionary = StructuredFields.dictionary(text);
        if (dictionary == null) return null;
        Map<String, String> digests = new LinkedHashMap<>();
        for (Map.Entry<String, Member> each : dictionary.entrySet()) {
            BareItem item = each.getValue().bare;
            if (item == null || item.type != Type.BYTES) return null;
            if (each.getKey().equals("sha-256") || each.getKey().equals("sha-512")) digests.put(each.getKey(), item.value);
        }
        return digests.isEmpty() ? null : digests;
    }

    /**
     * The value of a derived component. The parts of the target count as sent, without any decoding. A port 80 or 443 is left out of the authority:
     * neither side knows the scheme that the client used.
     *
     * @return null for one that is not known here
     */
    static String derived(String name, String method, String authority, String target) {
        switch (name) {
            case "@method":
                return method;
            case "@authority":
                return DEFAULT_PORT.matcher(Text.asciiLower(authority)).replaceFirst("");
            case "@path":
                String path = CanonicalRequest.splitTarget(target)[0];
                return path.isEmpty() ? "/" : path;
            case "@query":
                return "?" + CanonicalRequest.splitTarget(target)[1];
            default:
                return null;
        }
    }

    /** The value of {@code @signature-params}: the member of Signature-Input. */
    static String parameters(List<String> components, Map<String, BareItem> parameters) {
        StringBuilder text = new StringBuilder("(");
        for (String each : components) text.append(text.length() == 1 ? "" : " ").append(StructuredFields.string(each));
        text.append(')');
        parameters.forEach((name, item) -> {
            text.append(';').append(name).append('=').append(item.type == Type.STRING ? StructuredFields.string(item.value) : item.value);
        });
        return text.toString();
    }

    static String base(Map<String, String> values, String parameters) {
        StringBuilder lines = new StringBuilder();
        values.forEach((name, value) -> lines.append(StructuredFields.string(name)).append(": ").append(value).append('\n'));
        return lines.append("\"@signature-params\": ").append(parameters).toString();
    }

    /** The headers to set. */
    static Map<String, String> sign(LoadedKey key, String method, String target, String host, byte[] body, Instant created) {
        if (!ORIGIN_FORM.matcher(target).matches()) throw new IllegalArgumentException("a signed target starts with a slash and is ASCII: encode it");
        Map<String, String> values = new LinkedHashMap<>();
        for (String name : REQUIRED) values.put(name, derived(name, method, host, target));
        String digest = "sha-256=:" + Base64Text.of(Digests.sha256(body)) + ":";
        values.put(DIGEST, digest);
        byte[] nonce = new byte[16];
        new SecureRandom().nextBytes(nonce);
        Map<String, BareItem> parameters = new LinkedHashMap<>();
        parameters.put("created", new BareItem(Type.INTEGER, Long.toString(created.getEpochSecond())));
        parameters.put("keyid", BareItem.string(key.accessId));
        parameters.put("alg", BareItem.string(key.type.scheme()));
        parameters.put("nonce", BareItem.string(Base64.getUrlEncoder().withoutPadding().encodeToString(nonce)));
        parameters.put("tag", BareItem.string(TAG));
        String input = parameters(new ArrayList<>(values.keySet()), parameters);
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Signature-Input", LABEL + "=" + input);
        headers.put("Signature", LABEL + "=:" + key.proof.sign(base(values, input)) + ":");
        headers.put("Content-Digest", digest);
        return headers;
    }

    @Override
    List<String> signedHeaders() {
        return List.copyOf(values.keySet());
    }

    @Override
    String canonical(byte[] body) {
        return base;
    }

    @Override
    String stringToSign(byte[] body) {
        return base;
    }

    @Override
    boolean bodyMatches(byte[] body) {
        if (digests == null) return true;
        return digests.entrySet().stream().allMatch(each -> {
            byte[] actual = each.getKey().equals("sha-256") ? Digests.sha256(body) : Digests.sha512(body);
            return Base64Text.of(actual).equals(each.getValue());
        });
    }
}
