package signet.signing;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;

public class ServiceKeysTest {
    private static final Key ORDERS = VerifierTest.ORDERS;
    private static final Key NEXT = Key.hmac("next-gateway", "Another-0123456789").withId("next");
    private static final Duration LONGEST = Duration.ofMinutes(1);

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private HttpServer server;
    /** Guarded by this, as are the next four. */
    private final List<Headers> asked = new ArrayList<>();
    private int deletions;
    private volatile int redirected;
    private int status = 200;
    private String etag = "";
    private String answer = "";

    @Before
    public void startPlane() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/signet/v1/instances/i1/verification-keys", this::serve);
        server.createContext("/elsewhere", exchange -> {
            redirected++;
            exchange.sendResponseHeaders(404, -1);
            exchange.close();
        });
        server.start();
        hold(ORDERS);
    }

    @After
    public void stopPlane() {
        server.stop(0);
        threads.shutdownNow();
    }

    private void serve(HttpExchange exchange) throws IOException {
        int code;
        String text;
        synchronized (this) {
            if (exchange.getRequestMethod().equals("DELETE")) {
                deletions++;
                exchange.sendResponseHeaders(204, -1);
                exchange.close();
                return;
            }
            Headers headers = exchange.getRequestHeaders();
            asked.add(headers);
            notifyAll();
            try {
                while (status == 200 && etag.equals(headers.getFirst("If-None-Match")) && headers.containsKey("Prefer")) wait();
            } catch (InterruptedException stopped) {
                return;
            }
            code = status;
            text = answer;
            exchange.getResponseHeaders().set("ETag", etag);
        }
        if (code == 307) exchange.getResponseHeaders().set("Location", "/elsewhere");
        exchange.sendResponseHeaders(code, code == 200 ? text.getBytes().length : -1);
        if (code == 200) exchange.getResponseBody().write(text.getBytes());
        exchange.close();
    }

    private synchronized void answerWith(int status, String answer) {
        this.status = status;
        this.answer = answer;
        etag = "\"" + System.nanoTime() + "\"";
        notifyAll();
    }

    private void hold(Key... keys) {
        String views = List.of(keys).stream().map(key -> "{\"sign_id\":\"" + key.id() + "\",\"sign_type\":\"hmac\",\"sign_algorithm\":null,\"versions\":[{\"sign_key\":\""
                + key.signKey() + "\",\"sign_secret\":\"" + key.signSecret() + "\"}]}").collect(Collectors.joining(","));
        answerWith(200, "{\"instance_id\":\"i1\",\"revision\":1,\"keys\":[" + views + "]}");
    }

    private synchronized List<Headers> asked() {
        return List.copyOf(asked);
    }

    private Service.Builder service() {
        return Service.builder().url("http://127.0.0.1:" + server.getAddress().getPort()).instanceId("i1").token("sgw_token").name("orders-backend");
    }

    private Verifier.Builder verifier(Service.Builder service) {
        return Verifier.builder().service(service.build()).clock(Clock.fixed(VerifierTest.NOW, ZoneOffset.UTC));
    }

    private static String verdict(Verifier verifier, Key key) {
        return VerifierTest.verdict(verifier, VerifierTest.signed(key, "/", new byte[0], VerifierTest.NOW), new byte[0]);
    }

    private static void until(String what, BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + LONGEST.toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue("waited in vain for " + what, System.nanoTime() < end);
            Thread.sleep(2);
        }
    }

    @Test
    public void aDeletedKeyIsRefusedAndItsReplacementAccepted() throws Exception {
        try (Verifier verifier = verifier(service()).build()) {
            verifier.awaitReady(LONGEST);
            assertEquals("accepted", verdict(verifier, ORDERS));
            hold(NEXT);
            until("the deletion", () -> verdict(verifier, ORDERS).equals("unknown_key"));
            assertEquals("accepted", verdict(verifier, NEXT));
            // What is held is proved at once, by the name and process that receipts show.
            until("the proof", () -> etag.equals(asked().get(asked().size() - 1).getFirst("If-None-Match")));
            Headers last = asked().get(asked().size() - 1);
            String name = last.getFirst("Signet-Verifier");
            assertTrue(name, name.matches("orders-backend/[A-Za-z0-9_-]{16}"));
            assertEquals(name, asked().get(0).getFirst("Signet-Verifier"));
            assertEquals(List.of("Bearer sgw_token", "300", "wait=20"),
                    List.of(last.getFirst("Authorization"), last.getFirst("Signet-Max-Key-Age"), last.getFirst("Prefer")));
        }
    }

    @Test
    public void aKeyThatEndsWhileTheBodyArrivesIsRefused() throws Exception {
        try (Verifier verifier = verifier(service()).build()) {
            verifier.awaitReady(LONGEST);
            RequestVerifier.Begun<Verified> begun = verifier.begin(VerifierTest.signed(ORDERS, "/", new byte[0], VerifierTest.NOW));
            hold(NEXT);
            until("the deletion", () -> verdict(verifier, NEXT).equals("accepted"));
            assertEquals(Code.UNKNOWN_KEY, assertThrows(Refusal.class, () -> begun.finish(new byte[0])).code());
        }
    }

    @Test
    public void aRefusedTokenDropsTheKeysAndAFailureKeepsThem() throws Exception {
        try (Verifier verifier = verifier(service()).build()) {
            verifier.awaitReady(LONGEST);
            answerWith(500, "");
            int before = asked().size();
            until("two failures", () -> asked().size() > before + 1);
            assertEquals("accepted", verdict(verifier, ORDERS));
            answerWith(401, "");
            until("the end", () -> verdict(verifier, ORDERS).equals("keys_unavailable"));
            assertFalse(verifier.isReady());
            hold(ORDERS);
            verifier.awaitReady(LONGEST);
        }
    }

    @Test
    public void nothingIsAcceptedBeforeTheKeys() throws Exception {
        answerWith(503, "");
        try (Verifier verifier = verifier(service()).build()) {
            assertEquals("keys_unavailable", verdict(verifier, ORDERS));
            Refusal refusal = assertThrows(Refusal.class, () -> verifier.awaitReady(Duration.ofMillis(1)));
            assertEquals("keys_unavailable: the keys have not arrived yet", refusal.getMessage());
        }
    }

    @Test
    public void theAgeIsTheLongerOneByTwoClocks() {
        assertEquals(Duration.ofSeconds(9), new Moment(1_000_000_000L, 9000).since(new Moment(0, 0)));
        assertEquals(Duration.ofSeconds(7), new Moment(7_000_000_000L, -5000).since(new Moment(0, 0)));
    }

    @Test
    public void closeLeavesRefusesAndLeavesNothingRunning() throws Exception {
        Verifier verifier = verifier(service()).build();
        verifier.awaitReady(LONGEST);
        verifier.close();
        verifier.close();
        assertEquals("keys_unavailable", verdict(verifier, ORDERS));
        assertEquals(1, deletions);
        assertFalse(Thread.getAllStackTraces().keySet().stream().anyMatch(each -> each.getName().equals("signet-keys")));
    }

    @Test
    public void reportOnlyClaimsNothing() throws Exception {
        try (Verifier verifier = verifier(service()).reportOnly(true).build()) {
            verifier.awaitReady(LONGEST);
            Headers first = asked().get(0);
            assertEquals("orders-backend", first.getFirst("Signet-Verifier"));
            for (String name : new String[] {"Signet-Max-Key-Age", "If-None-Match", "Prefer"}) assertFalse(name, first.containsKey(name));
        }
        assertEquals(0, deletions);
    }

    @Test
    public void aTokenFileIsReadBeforeEachCallAndATokenIsNeitherRedirectedNorShown() throws Exception {
        Path file = Files.createTempFile("token", "");
        Files.writeString(file, "sgw_first\n");
        Service.Builder options = Service.builder().url("http://127.0.0.1:" + server.getAddress().getPort()).instanceId("i1").name("n").tokenFile(file);
        try (Verifier verifier = verifier(options).build()) {
            verifier.awaitReady(LONGEST);
            assertEquals("Bearer sgw_first", asked().get(0).getFirst("Authorization"));
            Files.writeString(file, "sgw_second\n");
            hold(NEXT);
            until("the second token", () -> "Bearer sgw_second".equals(asked().get(asked().size() - 1).getFirst("Authorization")));
            answerWith(307, "");
            int before = asked().size();
            until("two more requests", () -> asked().size() > before + 1);
            assertEquals(0, redirected);
            assertEquals("accepted", verdict(verifier, NEXT));
        } finally {
            Files.delete(file);
        }
        Service broken = Service.builder().url("https://signet.internal").instanceId("i1").name("n").token("sgw\n_token").build();
        assertEquals("the token is not visible ASCII", assertThrows(IOException.class, broken::readToken).getMessage());
    }

    @Test
    public void answersThatAreNoKeysAreNotTaken() throws Exception {
        String other = "{\"instance_id\":\"i2\",\"keys\":[]}";
        for (String text : new String[] {other, "<html>", "{\"instance_id\":\"i1\"}", "{\"instance_id\":\"i1\",\"keys\":[7]}", "[", "{\"instance_id\":\"i1\",\"keys\":[]} x"}) {
            assertThrows(text, IOException.class, () -> HeldKeys.read(text, "\"1\"", "i1", Moment.now(), null));
        }
        assertThrows(IOException.class, () -> HeldKeys.read("{\"instance_id\":\"i1\",\"keys\":[]}", "", "i1", Moment.now(), null));
        assertTrue(HeldKeys.read("{\"instance_id\":\"i1\",\"keys\":[]}", "\"1\"", "i1", Moment.now(), null).all.isEmpty());
    }

    @Test
    public void oneUnusableKeyDoesNotEndTheOthers() throws Exception {
        hold(Key.hmac("broken", "").withId("broken"), ORDERS);
        try (Verifier verifier = verifier(service()).build()) {
            verifier.awaitReady(LONGEST);
            assertEquals("accepted", verdict(verifier, ORDERS));
        }
        String unknown = "{\"instance_id\":\"i1\",\"keys\":[{\"sign_id\":\"x\",\"sign_type\":\"new\",\"versions\":[{\"sign_key\":\"k\",\"sign_secret\":\"s\"}]}]}";
        assertTrue(HeldKeys.read(unknown, "\"1\"", "i1", Moment.now(), null).all.isEmpty());
    }

    @Test
    public void aServiceThatCannotWorkIsAnError() {
        assertThrows(IllegalArgumentException.class, () -> service().url("http://signet.internal").build());
        service().url("http://signet.internal").allowPlaintext(true).build();
        service().url("http://[::1]:8700").build();
        assertThrows(IllegalArgumentException.class, () -> service().url("http://127.0.0.1.evil.example").build());
        assertThrows(IllegalArgumentException.class, () -> service().url("ftp://127.0.0.1").build());
        assertThrows(IllegalArgumentException.class, () -> service().instanceId("../i1").build());
        assertThrows(IllegalArgumentException.class, () -> service().name("a name").build());
        assertThrows(IllegalArgumentException.class, () -> service().maxKeyAge(Duration.ofSeconds(9)).build());
        assertThrows(IllegalArgumentException.class, () -> service().tokenFile(Path.of("token")).build());
    }
}
