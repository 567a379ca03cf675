package signet.signing.httpserver;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import signet.signing.Head;
import signet.signing.ReceivedBody;
import signet.signing.Refusal;
import signet.signing.RequestVerifier;
import signet.signing.Verified;
import signet.signing.WebhookDelivery;

/** Passes verified requests on. The handler reads the body that was verified. */
public final class SignatureFilter extends Filter {
    /** An exchange's own attributes are shared by all exchanges of its context. */
    private static final Map<HttpExchange, Object> ACCEPTED = Collections.synchronizedMap(new WeakHashMap<>());

    private final RequestVerifier<?> verifier;

    /** @param verifier a Verifier or a WebhookVerifier */
    public SignatureFilter(RequestVerifier<?> verifier) {
        this.verifier = verifier;
    }

    /** The verified signature of an exchange. @return null if no filter accepted one: in report-only mode */
    public static Verified signatureOf(HttpExchange exchange) {
        Object accepted = ACCEPTED.get(exchange);
        return accepted instanceof Verified ? (Verified) accepted : null;
    }

    /** The key id of the verified signature of an exchange; empty if no filter accepted one. */
    public static String keyIdOf(HttpExchange exchange) {
        Verified signature = signatureOf(exchange);
        return signature == null ? "" : signature.keyId();
    }

    /** The verified delivery of an exchange. @return null if no filter accepted one */
    public static WebhookDelivery deliveryOf(HttpExchange exchange) {
        Object accepted = ACCEPTED.get(exchange);
        return accepted instanceof WebhookDelivery ? (WebhookDelivery) accepted : null;
    }

    @Override
    public String description() {
        return "verifies signatures";
    }

    @Override
    public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
        InputStream original = exchange.getRequestBody();
        ReceivedBody body = null;
        try {
            Head head = Head.of(exchange.getRequestMethod(), exchange.getRequestURI().toString(), exchange.getRequestHeaders());
            RequestVerifier.Begun<?> begun = verifier.begin(head);
            body = read(exchange, original);
            Object accepted = begun.finish(body.whole());
            verifier.admission().accept();
            ACCEPTED.put(exchange, accepted);
        } catch (Refusal refusal) {
            if (!verifier.admission().letsPass(refusal, exchange.getRequestMethod(), String.valueOf(exchange.getRequestURI().getRawPath()))) {
                answer(exchange, refusal);
                return;
            }
        }
        if (body != null) exchange.setStreams(body.again(original), null);
        chain.doFilter(exchange);
    }

    private ReceivedBody read(HttpExchange exchange, InputStream original) {
        List<String> lengths = exchange.getRequestHeaders().getOrDefault("Content-Length", List.of());
        boolean chunked = exchange.getRequestHeaders().containsKey("Transfer-Encoding");
        // The server refuses a length that is no number.
        long length = chunked || lengths.isEmpty() ? -1 : Long.parseLong(lengths.get(0).trim());
        ReceivedBody body = ReceivedBody.read(original, length, verifier.admission());
        // Another filter may have read it, which the stream does not tell.
        return chunked && body.length() == 0 ? ReceivedBody.readBefore() : body;
    }

    private static void answer(HttpExchange exchange, Refusal refusal) throws IOException {
        refusal.headers().forEach(exchange.getResponseHeaders()::set);
        answer(exchange, refusal.status(), "application/json", refusal.json());
    }

    /** Answers an exchange with a text, and ends it. */
    public static void answer(HttpExchange exchange, int status, String contentType, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", contentType);
        boolean bodiless = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, bodiless || bytes.length == 0 ? -1 : bytes.length);
        if (!bodiless) exchange.getResponseBody().write(bytes);
        exchange.close();
    }
}
