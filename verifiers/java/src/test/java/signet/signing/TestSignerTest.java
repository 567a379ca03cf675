package signet.signing;

import static org.junit.Assert.assertEquals;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.Test;
import signet.signing.httpserver.SignatureFilter;
import signet.signing.testing.TestSigner;

public class TestSignerTest {
    private static final String ORDER = "{\"n\":1}";

    @Test
    public void aSignedRequestIsAcceptedByABackendWithTheKeyAndByNoOther() throws Exception {
        TestSigner signer = new TestSigner();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> SignatureFilter.answer(exchange, 200, "text/plain", SignatureFilter.keyIdOf(exchange)))
                .getFilters().add(new SignatureFilter(Verifier.of(signer.key())));
        server.start();
        try {
            URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/v1/orders?b=2&a=%2F");
            assertEquals("200 test-key", sent(signer.request("POST", uri, ORDER).header("Content-Type", "application/json")));
            assertEquals("200 test-key", sent(signer.request("GET", URI.create("http://127.0.0.1:" + server.getAddress().getPort()), "")));
            assertEquals("401", sent(new TestSigner().request("POST", uri, ORDER)).substring(0, 3));
            assertEquals("401", sent(signer.request("POST", uri, ORDER).POST(HttpRequest.BodyPublishers.ofString("{}"))).substring(0, 3));
        } finally {
            server.stop(0);
        }
    }

    @Test
    public void aKeyHostAndTimeOfItsOwn() throws Exception {
        TestSigner signer = new TestSigner(VerifierTest.ORDERS);
        byte[] body = ORDER.getBytes();
        for (int seconds : new int[] {0, 901}) {
            Map<String, String> headers = signer.headers("POST", "/v1/orders", "localhost:8080", body, VerifierTest.NOW.minusSeconds(seconds));
            assertEquals("localhost:8080", headers.get("Host"));
            List<Map.Entry<String, String>> sent = new ArrayList<>(headers.entrySet());
            String expected = seconds == 0 ? "accepted" : "skew";
            assertEquals(expected, VerifierTest.verdict(VerifierTest.with(signer.key()).build(), Head.of("POST", "/v1/orders", sent), body));
        }
    }

    private static String sent(HttpRequest.Builder request) throws Exception {
        HttpResponse<String> answer = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()
                .send(request.build(), HttpResponse.BodyHandlers.ofString());
        return answer.statusCode() + " " + answer.body();
    }
}
