package signet.signing;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.Map;

/** Signs requests as a gateway does: method, target, host and body. */
public final class Signer {
    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final String SIGNED_HEADERS = "host;x-sdk-date";

    private final LoadedKey key;

    private Signer(Key key) {
        this.key = LoadedKey.load(key);
    }

    /** @throws UnusableKeyException if the key is not usable */
    public static Signer of(Key key) {
        return new Signer(key);
    }

    public Key key() {
        return key.of;
    }

    public Map<String, String> sign(String method, String target, String host, byte[] body) {
        return sign(method, target, host, body, Instant.now());
    }

    /**
     * The headers that a gateway sets: Authorization and, but for basic keys, X-Sdk-Date; with keys for HTTP message signatures Signature-Input,
     * Signature and Content-Digest. Remove a client's own headers of these names, and its X-Sdk-Content-Sha256.
     *
     * @param target path and query as they are sent
     * @param host the Host header as it is sent
     * @throws UnusableKeyException if the key can only verify
     */
    public Map<String, String> sign(String method, String target, String host, byte[] body, Instant now) {
        Map<String, String> headers = new LinkedHashMap<>();
        if (!key.type.covers()) {
            headers.put("Authorization", "Basic " + Base64Text.of(Text.utf8(key.accessId + ":" + key.proof.sign(""))));
            return headers;
        }
        if (!Text.isVisible(method) || !Text.isVisible(host)) throw new IllegalArgumentException("method and host are visible ASCII without spaces");
        if (!CanonicalRequest.isTarget(target)) {
            throw new IllegalArgumentException("a request target has no #, space or control character: encode it");
        }
        if (key.type.signsMessages()) return MessageSignature.sign(key, method, target, host, body, now);
        String date = DATE.format(now);
        String lines = "host:" + host + "\nx-sdk-date:" + date + "\n";
        String canonical = CanonicalRequest.of(method, Text.wireText(target), lines, SIGNED_HEADERS, Digests.sha256Hex(body));
        String signature = key.proof.sign(CanonicalRequest.stringToSign(key.type.scheme(), date, canonical));
        headers.put("Authorization", key.type.scheme() + " Access=" + key.accessId + ", SignedHeaders=" + SIGNED_HEADERS + ", Signature=" + signature);
        headers.put("X-Sdk-Date", date);
        return headers;
    }
}
