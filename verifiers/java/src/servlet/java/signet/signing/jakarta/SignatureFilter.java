package signet.signing.jakarta;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletRequestWrapper;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import signet.signing.Head;
import signet.signing.ReceivedBody;
import signet.signing.Refusal;
import signet.signing.RequestVerifier;
import signet.signing.Verified;
import signet.signing.WebhookDelivery;

/** Passes verified requests on. Whatever follows reads the body and the parameters that were verified. Register it before filters that read bodies. */
public final class SignatureFilter implements Filter {
    /** Answers a refused request. */
    @FunctionalInterface
    public interface Answer {
        void send(HttpServletRequest request, HttpServletResponse response, Refusal refusal) throws IOException, ServletException;
    }

    private static final String ACCEPTED = "signet.signing.accepted";
    private static final AtomicLong FILTERS = new AtomicLong();
    /** Clients send these without a body and without a length. */
    private static final Set<String> BODILESS = Set.of("GET", "HEAD", "DELETE", "OPTIONS", "TRACE");

    private final RequestVerifier<?> verifier;
    private final Answer refused;
    /** Another filter's requests are not this one's. */
    private final String passedBefore = "signet.signing.passed." + FILTERS.incrementAndGet();

    /** @param verifier a Verifier or a WebhookVerifier */
    public SignatureFilter(RequestVerifier<?> verifier) {
        this(verifier, SignatureFilter::answer);
    }

    public SignatureFilter(RequestVerifier<?> verifier, Answer refused) {
        this.verifier = verifier;
        this.refused = refused;
    }

    /** The verified signature of a request. @return null if no filter accepted one: in report-only mode */
    public static Verified signatureOf(ServletRequest request) {
        Object accepted = request.getAttribute(ACCEPTED);
        return accepted instanceof Verified ? (Verified) accepted : null;
    }

    /** The key id of the verified signature of a request; empty if no filter accepted one. */
    public static String keyIdOf(ServletRequest request) {
        Verified signature = signatureOf(request);
        return signature == null ? "" : signature.keyId();
    }

    /** The verified delivery of a request. @return null if no filter accepted one */
    public static WebhookDelivery deliveryOf(ServletRequest request) {
        Object accepted = request.getAttribute(ACCEPTED);
        return accepted instanceof WebhookDelivery ? (WebhookDelivery) accepted : null;
    }

    @Override
    public void init(FilterConfig config) {}

    @Override
    public void destroy() {}

    @Override
    public void doFilter(ServletRequest given, ServletResponse response, FilterChain chain) throws IOException, ServletException {
        if (!(given instanceof HttpServletRequest)) throw new ServletException("the signature filter is for HTTP");
        HttpServletRequest request = (HttpServletRequest) given;
        Object passed = request.getAttribute(passedBefore);
        if (passed != null) {
            // A dispatch of this very request (forward, async, error) may come with the original one, whose body has been read.
            chain.doFilter(passed instanceof ReceivedBody ? wrapped(request, (ReceivedBody) passed) : request, response);
            return;
        }
        ReceivedBody body = null;
        try {
            RequestVerifier.Begun<?> begun = verifier.begin(new Head(request.getMethod(), targetOf(request), name -> valuesOf(request, name)));
            body = read(request);
            Object accepted = begun.finish(body.whole());
            verifier.admission().accept();
            request.setAttribute(ACCEPTED, accepted);
        } catch (Refusal refusal) {
            if (!verifier.admission().letsPass(refusal, request.getMethod(), request.getRequestURI())) {
                refused.send(request, (HttpServletResponse) response, refusal);
                return;
            }
            request.removeAttribute(ACCEPTED);
        }
        request.setAttribute(passedBefore, body == null ? Boolean.TRUE : body);
        chain.doFilter(body == null ? request : new ReceivedRequest(request, body), response);
    }

    private static ServletRequest wrapped(HttpServletRequest request, ReceivedBody body) {
        boolean already = request instanceof ServletRequestWrapper
                && (request instanceof ReceivedRequest || ((ServletRequestWrapper) request).isWrapperFor(ReceivedRequest.class));
        return already ? request : new ReceivedRequest(request, body);
    }

    private static String targetOf(HttpServletRequest request) {
        String query = request.getQueryString();
        return request.getRequestURI() + (query == null ? "" : "?" + query);
    }

    /** Containers fold more letters than the ASCII ones, so names are compared here. */
    private static List<String> valuesOf(HttpServletRequest request, String lowerName) {
        Enumeration<String> names = request.getHeaderNames();
        while (names != null && names.hasMoreElements()) {
            String name = names.nextElement();
            if (Head.sameName(name, lowerName)) return Collections.list(request.getHeaders(name));
        }
        return List.of();
    }

    private ReceivedBody read(HttpServletRequest request) {
        try {
            ServletInputStream stream = request.getInputStream();
            boolean finished = stream.isFinished();
            long length = request.getContentLengthLong();
            ReceivedBody body = ReceivedBody.read(stream, length, verifier.admission());
            return finished && length < 0 && body.length() == 0 && mayHaveHadOne(request) ? ReceivedBody.readBefore() : body;
        } catch (IOException | RuntimeException readBefore) {
            // IllegalStateException: something has called getReader().
            return ReceivedBody.readBefore();
        }
    }

    /** Whether a request without a length, whose body has ended before it was read here, had one for another reader. */
    private static boolean mayHaveHadOne(HttpServletRequest request) {
        if (request.getHeader("Transfer-Encoding") != null) return true;
        return !request.getProtocol().startsWith("HTTP/1.") && !BODILESS.contains(request.getMethod().toUpperCase(Locale.ROOT));
    }

    private static void answer(HttpServletRequest request, HttpServletResponse response, Refusal refusal) throws IOException {
        response.setStatus(refusal.status());
        refusal.headers().forEach(response::setHeader);
        byte[] json = refusal.json().getBytes(StandardCharsets.US_ASCII);
        // Without it, a client that has not sent its body would wait for the end of the connection.
        response.setContentLength(json.length);
        response.getOutputStream().write(json);
    }
}
