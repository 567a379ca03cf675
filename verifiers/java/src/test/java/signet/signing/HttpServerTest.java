package signet.signing;

import static org.junit.Assert.assertEquals;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.junit.Test;
import signet.signing.httpserver.SignatureFilter;

public class HttpServerTest extends FilterGuarantees {
    @Override
    protected void serve(RequestVerifier<?> verifier, Served served) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        var context = server.createContext("/", exchange -> {
            byte[] bytes = exchange.getRequestBody().readAllBytes();
            String read = new String(bytes, 0, Math.min(bytes.length, 40), StandardCharsets.UTF_8) + (bytes.length > 40 ? "… " + bytes.length : "");
            SignatureFilter.answer(exchange, 200, "text/plain", "<" + SignatureFilter.keyIdOf(exchange) + "> " + read);
        });
        context.getFilters().add(new Before());
        context.getFilters().add(new SignatureFilter(verifier));
        server.start();
        try {
            served.on(server.getAddress().getPort());
        } finally {
            server.stop(0);
        }
    }

    @Test
    public void aBodyThatWasReadBeforeIsNotAnEmptyOne() throws Exception {
        withKeys(port -> {
            for (String body : new String[] {"a=1", ""}) {
                Answered.Request read = new Answered.Request("POST", "/stream", "a=1");
                signer.sign("POST", "/stream", "backend.internal", body.getBytes()).forEach(read::header);
                assertEquals("malformed", read.header("Before", "stream").sendTo(port).code());
                assertEquals("malformed", read.chunked().sendTo(port).code());
            }
        });
    }

    private static final class Before extends Filter {
        @Override
        public String description() {
            return "reads the body";
        }

        @Override
        public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
            if (exchange.getRequestHeaders().containsKey("Before")) exchange.getRequestBody().readAllBytes();
            chain.doFilter(exchange);
        }
    }
}
