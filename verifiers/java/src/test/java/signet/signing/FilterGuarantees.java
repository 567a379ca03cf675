package signet.signing;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.Test;
import signet.signing.testing.TestSigner;

/** What a filter guarantees in every server. */
public abstract class FilterGuarantees {
    private static final int LIMIT = 1000;

    protected final Signer signer = Signer.of(new TestSigner().key());

    /** Answers requests that the verifier accepts with {@code <key id> body}. */
    protected abstract void serve(RequestVerifier<?> verifier, Served served) throws Exception;

    /** What is done while a server runs. */
    protected interface Served {
        void on(int port) throws Exception;
    }

    private Verifier.Builder keys() {
        return Verifier.builder().keys(List.of(signer.key().withId("orders"))).limitBytes(LIMIT);
    }

    protected Answered.Request request(String method, String target, String body) {
        return new Answered.Request(method, target, body).signed(signer);
    }

    protected void withKeys(Served served) throws Exception {
        serve(keys().build(), served);
    }

    @Test
    public void theHandlerReadsTheBodyThatWasVerified() throws Exception {
        Verifier verifier = keys().build();
        serve(verifier, port -> {
            assertEquals("200 <orders> {\"n\":1}é", request("POST", "/stream?b=2&a=1", "{\"n\":1}é").sendTo(port).toString());
            assertEquals("200 <orders> {\"n\":1}", request("PUT", "/stream/a%20b", "{\"n\":1}").chunked().sendTo(port).toString());
            assertEquals("200 <orders> ", request("GET", "/stream", "").sendTo(port).toString());
            assertEquals(3, verifier.admission().stats().accepted());
        });
    }

    @Test
    public void aRefusedRequestGetsItsCode() throws Exception {
        withKeys(port -> {
            Answered unsigned = new Answered.Request("GET", "/stream", "").sendTo(port);
            assertEquals("no_authorization", unsigned.code());
            assertEquals(401, unsigned.status);
            assertTrue(unsigned.head, unsigned.head.toLowerCase().contains("www-authenticate: sdk-hmac-sha256"));
            Answered.Request twice = request("GET", "/stream", "");
            assertEquals("malformed", twice.header("authorization", twice.authorization()).sendTo(port).code());
            Answered.Request other = new Answered.Request("POST", "/stream", "body").signed(Signer.of(Key.hmac(signer.key().signKey(), "another secret")));
            assertEquals("signature_mismatch", other.sendTo(port).code());
        });
    }

    @Test
    public void theBodyOfAnUnknownClientIsNotRead() throws Exception {
        Answered.Request unknown = new Answered.Request("POST", "/stream", "body").signed(Signer.of(Key.hmac("unknown", "secret")));
        withKeys(port -> assertEquals("unknown_key", unknown.withoutBody().sendTo(port).code()));
    }

    @Test
    public void aLongBodyIs413() throws Exception {
        String body = "b".repeat(LIMIT + 1);
        withKeys(port -> {
            assertEquals(413, request("POST", "/stream", body).withoutBody().sendTo(port).status);
            assertEquals(413, request("POST", "/stream", body).chunked().sendTo(port).status);
            assertEquals(200, request("POST", "/stream", body.substring(1)).chunked().sendTo(port).status);
        });
    }

    @Test
    public void aRequestThatBecomesTooOldWhileItsBodyArrivesIsRefused() throws Exception {
        serve(keys().clock(new Stepping()).replayStore(new MemoryReplayStore()).build(),
                port -> assertEquals("skew", request("POST", "/stream", "body").sendTo(port).code()));
    }

    @Test
    public void aKeyThatEndsWhileTheBodyArrivesIsRefused() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        Verifier verifier = Verifier.builder().lookup((id, type) -> asked.getAndIncrement() == 0 ? List.of(signer.key()) : List.of()).build();
        serve(verifier, port -> assertEquals("unknown_key", request("POST", "/stream", "body").sendTo(port).code()));
    }

    @Test
    public void reportOnlyPassesEverythingOnAndCounts() throws Exception {
        Verifier verifier = keys().reportOnly(true).build();
        serve(verifier, port -> {
            assertEquals("200 <orders> body", request("POST", "/stream", "body").sendTo(port).toString());
            assertEquals("200 <> body", new Answered.Request("POST", "/stream", "body").sendTo(port).toString());
            Answered.Request other = new Answered.Request("POST", "/stream", "body").signed(Signer.of(Key.hmac(signer.key().signKey(), "another secret")));
            assertEquals("200 <> body", other.sendTo(port).toString());
            Answered.Request twice = request("POST", "/stream", "body");
            assertEquals("200 <> body", twice.header("authorization", twice.authorization()).sendTo(port).toString());
            String body = "b".repeat(5 * LIMIT);
            assertEquals("200 <> " + "b".repeat(40) + "… " + body.length(), request("POST", "/stream", body).chunked().sendTo(port).toString());
            Admission.Stats stats = verifier.admission().stats();
            assertEquals(1, stats.accepted());
            assertEquals(1, stats.refused(Code.NO_AUTHORIZATION));
            assertEquals(1, stats.refused(Code.SIGNATURE_MISMATCH));
            assertEquals(1, stats.refused(Code.MALFORMED));
            assertEquals(1, stats.refused(Code.TOO_LARGE));
        });
    }

    @Test
    public void aDeliveryIsVerified() throws Exception {
        String secret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY";
        byte[] body = "{}".getBytes();
        serve(WebhookVerifier.of(WebhookDialect.STANDARD, secret), port -> {
            Answered.Request delivery = new Answered.Request("POST", "/stream", "{}");
            WebhookVerifier.sign(WebhookDialect.STANDARD, List.of(secret), "msg_1", Instant.now().getEpochSecond(), body).forEach(delivery::header);
            assertEquals("200 <> {}", delivery.sendTo(port).toString());
            assertEquals("no_signature", new Answered.Request("POST", "/stream", "{}").sendTo(port).code());
        });
    }

    /** Right when the headers arrive, and an hour later from then on. */
    private static final class Stepping extends Clock {
        private final AtomicInteger asked = new AtomicInteger();

        @Override
        public Instant instant() {
            return Instant.now().plus(asked.getAndIncrement() == 0 ? Duration.ZERO : Duration.ofHours(1));
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }
}
