package signet.signing.testing;

import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import signet.signing.Key;
import signet.signing.Signer;

/** Signs requests with a key that exists in one test run only. Give the backend under test {@link #key}, and nothing else. */
public final class TestSigner {
    /** Reported by the verifier for requests of a TestSigner. */
    public static final String KEY_ID = "test-key";

    private final Signer signer;

    /** A signer with a new hmac key. */
    public TestSigner() {
        this(Key.hmac("test-" + random(8), random(32)).withId(KEY_ID));
    }

    /** A signer with a key of another type. */
    public TestSigner(Key key) {
        signer = Signer.of(key);
    }

    private static String random(int length) {
        byte[] bytes = new byte[length];
        new SecureRandom().nextBytes(bytes);
        StringBuilder digits = new StringBuilder();
        for (byte each : bytes) digits.append(String.format("%02x", each));
        return digits.toString();
    }

    public Key key() {
        return signer.key();
    }

    /**
     * The headers of a signed request, Host included. To test a refusal, change the request after it was signed, or sign it with another signer or
     * another time.
     *
     * @param target path and query as they are sent
     * @param host the Host header as it is sent, with the port if there is one
     */
    public Map<String, String> headers(String method, String target, String host, byte[] body, Instant now) {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Host", host);
        headers.putAll(signer.sign(method, target, host, body, now));
        return headers;
    }

    public Map<String, String> headers(String method, String target, String host, byte[] body) {
        return headers(method, target, host, body, Instant.now());
    }

    /** A signed request for a {@link java.net.http.HttpClient}, to which other headers can be added. */
    public HttpRequest.Builder request(String method, URI uri, String body) {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        String path = uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
        String target = uri.getRawQuery() == null ? path : path + "?" + uri.getRawQuery();
        String host = uri.getPort() < 0 ? uri.getHost() : uri.getHost() + ":" + uri.getPort();
        HttpRequest.Builder request = HttpRequest.newBuilder(uri).method(method, HttpRequest.BodyPublishers.ofByteArray(bytes));
        signer.sign(method, target, host, bytes).forEach(request::setHeader);
        return request;
    }
}
