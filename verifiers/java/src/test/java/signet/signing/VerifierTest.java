package signet.signing;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.Test;

public class VerifierTest {
    static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    static final Key ORDERS = Key.hmac("orders-gateway", "Secret-0123456789").withId("orders");
    private static final byte[] BODY = "body".getBytes(StandardCharsets.UTF_8);

    static Verifier.Builder with(Key... keys) {
        return Verifier.builder().keys(List.of(keys)).clock(Clock.fixed(NOW, ZoneOffset.UTC));
    }

    static Head signed(Key key, String target, byte[] body, Instant at) {
        return signed(key, target, body, at, Map.of());
    }

    /** @param instead headers that replace those that were signed */
    private static Head signed(Key key, String target, byte[] body, Instant at, Map<String, String> instead) {
        List<Map.Entry<String, String>> headers = new ArrayList<>(List.of(Map.entry("Host", "backend.internal")));
        Signer.of(key).sign("POST", target, "backend.internal", body, at).forEach((name, value) -> {
            if (!instead.containsKey(name)) headers.add(Map.entry(name, value));
        });
        headers.addAll(instead.entrySet());
        return Head.of("POST", target, headers);
    }

    /** The code of the refusal; accepted. */
    static String verdict(Verifier verifier, Head head, byte[] body) {
        try {
            verifier.verify(head, body);
            return "accepted";
        } catch (Refusal refusal) {
            return refusal.code().toString();
        }
    }

    private static String verdict(Verifier verifier, Key key) {
        return verdict(verifier, signed(key, "/", BODY, NOW), BODY);
    }

    @Test
    public void thePublishedExamplesVerify() {
        String query = "/v1/orders?b=2&a=1&q=%E4%B8%AD+%2B";
        String signedBy = ", SignedHeaders=host;x-sdk-date, Signature=";
        Map<Key, List<String>> examples = Map.of(
                Key.hmac("c9a2f1d0b37e4c58a1f6e0d2b4c8a7e3", "Zk4Wq-9x_T!7sVb2@Lm#Qp5$Rn8%Yt1"),
                List.of("POST", "/v1/orders/a%2Fb", "backend.internal", "{\"name\":\"密钥\",\"n\":1}", "SDK-HMAC-SHA256 Access=c9a2f1d0b37e4c58a1f6e0d2b4c8a7e3"
                        + signedBy + "e3ac209c663cda2c9e3021c0b753a1b7a20a21e9a1f69cd46b2c44b8c20d056d"),
                Key.aes128("Jx7+Qm2/Lp9-Rt4=", "Vb3_Nk8!Hc6@Wd1#"),
                List.of("GET", query, "backend.internal:8080", "", "SIGNET-AES-128-CFB-MAC Access=7397a4f502330f16d5806966595d60fc" + signedBy
                        + "2e55b68083f63c5b81eb1dcbd6fc931d"),
                Key.aes256("Jx7+Qm2/Lp9-Rt4=Ys5%Ug0$Ze8#Ia1!", "Vb3_Nk8!Hc6@Wd1#"),
                List.of("GET", query, "backend.internal:8080", "", "SIGNET-AES-256-CFB-MAC Access=9529db047f8af0e106596f7ef93970e1" + signedBy
                        + "074324bcf83816c7ec035dffb6efc239"));
        examples.forEach((key, example) -> {
            List<Map.Entry<String, String>> headers =
                    List.of(Map.entry("host", example.get(2)), Map.entry("X-Sdk-Date", "20260101T000000Z"), Map.entry("Authorization", example.get(4)));
            Head head = Head.of(example.get(0), example.get(1), headers);
            Verifier verifier = with(key).build();
            assertEquals("accepted", verdict(verifier, head, example.get(3).getBytes(StandardCharsets.UTF_8)));
            assertEquals("signature_mismatch", verdict(verifier, head, BODY));
        });
    }

    @Test
    public void bothSecretsVerifyDuringARotation() {
        Key next = Key.hmac("orders-gateway", "Another-0123456789");
        for (Key key : new Key[] {ORDERS, next}) assertEquals("accepted", verdict(with(ORDERS, next).build(), key));
        assertEquals("signature_mismatch", verdict(with(next).build(), ORDERS));
    }

    @Test
    public void aSecretOfOneTypeIsNotUsedForAnother() {
        assertEquals("unknown_key", verdict(with(ORDERS).build(), Key.basic("orders-gateway", "Secret-0123456789")));
    }

    @Test
    public void aRequestCountsOnceWithAReplayStoreHoweverItsSignatureIsWritten() {
        Verifier verifier = with(ORDERS).replayStore(new MemoryReplayStore()).build();
        assertEquals("accepted", verdict(verifier, ORDERS));
        assertEquals("replayed", verdict(verifier, ORDERS));
        String proof = Signer.of(ORDERS).sign("POST", "/", "backend.internal", BODY, NOW).get("Authorization");
        int at = proof.indexOf("Signature=") + "Signature=".length();
        String upper = proof.substring(0, at) + proof.substring(at).toUpperCase();
        assertEquals("replayed", verdict(verifier, signed(ORDERS, "/", BODY, NOW, Map.of("Authorization", upper)), BODY));
    }

    @Test
    public void theReplayStoreGetsTheTimeAfterTheBodyAndMayNotTakeTooLong() throws Refusal {
        AtomicReference<Instant> now = new AtomicReference<>(NOW);
        Clock clock = new Clock() {
            @Override
            public Instant instant() {
                return now.get();
            }

            @Override
            public ZoneOffset getZone() {
                return ZoneOffset.UTC;
            }

            @Override
            public Clock withZone(java.time.ZoneId zone) {
                return this;
            }
        };
        List<Instant> given = new ArrayList<>();
        Verifier verifier = with(ORDERS).clock(clock).replayStore((id, expiresAt, at) -> {
            given.addAll(List.of(at, expiresAt));
            now.set(NOW.plus(Duration.ofMinutes(16)));
            return true;
        }).build();
        RequestVerifier.Begun<Verified> begun = verifier.begin(signed(ORDERS, "/", BODY, NOW));
        now.set(NOW.plusSeconds(60));
        assertEquals(Code.SKEW, assertThrows(Refusal.class, () -> begun.finish(BODY)).code());
        assertEquals(List.of(NOW.plusSeconds(60), NOW.plus(Verifier.DEFAULT_SKEW)), given);
        // The body alone takes too long.
        now.set(NOW);
        RequestVerifier.Begun<Verified> slow = verifier.begin(signed(ORDERS, "/", BODY, NOW));
        now.set(NOW.plus(Duration.ofMinutes(16)));
        assertEquals(Code.SKEW, assertThrows(Refusal.class, () -> slow.finish(BODY)).code());
        assertEquals("the store is not asked", 2, given.size());
    }

    @Test
    public void aKeyIsLookedUpAgainAfterTheBodyAndAfterTheReplayStore() throws Refusal {
        List<Key> keys = new ArrayList<>(List.of(ORDERS));
        Runnable[] meanwhile = {() -> {}};
        Verifier verifier = Verifier.builder().lookup((id, type) -> List.copyOf(keys)).clock(Clock.fixed(NOW, ZoneOffset.UTC)).replayStore((id, end, at) -> {
            meanwhile[0].run();
            return true;
        }).build();
        assertEquals("accepted", verdict(verifier, ORDERS));
        RequestVerifier.Begun<Verified> renamed = verifier.begin(signed(ORDERS, "/", BODY, NOW));
        keys.set(0, ORDERS.withId("another id"));
        assertEquals("orders", renamed.finish(BODY).keyId());
        RequestVerifier.Begun<Verified> begun = verifier.begin(signed(ORDERS, "/", BODY, NOW));
        keys.set(0, Key.hmac("orders-gateway", "Another-0123456789"));
        assertEquals(Code.SIGNATURE_MISMATCH, assertThrows(Refusal.class, () -> begun.finish(BODY)).code());
        keys.set(0, ORDERS);
        meanwhile[0] = keys::clear;
        assertEquals("unknown_key", verdict(verifier, ORDERS));
    }

    @Test
    public void aTargetThatAnApplicationReadsDifferentlyIsMalformedAndNotSigned() {
        for (String target : new String[] {"/a#b", "/a b", "/a\tb", "/a\u007f", "http://host#/a", "/a\u0000"}) {
            for (Key key : new Key[] {ORDERS, Key.basic("user", "password")}) {
                Head head = signed(key, "/a", BODY, NOW);
                Head other = new Head("POST", target, name -> head.value(name) == null ? List.of() : List.of(head.value(name)));
                assertEquals(target, "malformed", verdict(with(key).build(), other, BODY));
            }
            assertThrows(IllegalArgumentException.class, () -> signed(ORDERS, target, BODY, NOW));
        }
        assertEquals("accepted", verdict(with(ORDERS).build(), signed(ORDERS, "/a%23b%20c%09", BODY, NOW), BODY));
    }

    @Test
    public void aRepeatedHeaderCountsWholeAndOnlyAsciiLettersAreFolded() throws Refusal {
        String proof = Signer.of(ORDERS).sign("POST", "/", "backend.internal", BODY, NOW).get("Authorization");
        assertEquals("malformed", verdict(with(ORDERS).build(), signed(ORDERS, "/", BODY, NOW, Map.of("aUTHORIZATION", proof)), BODY));
        assertNull(Head.of("GET", "/", Map.of("x-to\u212aen", List.of("v"))).value("x-token"));
        assertEquals("a, b", Head.of("GET", "/", List.of(Map.entry("X-Token", "a"), Map.entry("x-token", "b"))).value("x-token"));
        String longS = proof.replace("SDK-HMAC", "\u017fDK-HMAC");
        assertEquals("malformed", verdict(with(ORDERS).build(), signed(ORDERS, "/", BODY, NOW, Map.of("Authorization", longS)), BODY));
    }

    @Test
    public void base64HasOneSpelling() {
        for (String pair : new String[] {"dTpwYXNz", "dTpwYXNzCg==", "dTpwYXNz ", "dTpwYXNz====", "dTpwYXN6eg", "dTpwYXN6eh=="}) {
            Head head = Head.of("GET", "/", List.of(Map.entry("authorization", "Basic x" + pair)));
            assertEquals(pair, "malformed", verdict(with(Key.basic("u", "pass")).build(), head, BODY));
        }
        for (String pair : new String[] {"dTpwYXNzdw==", "dTpwYXNzdw", "dTpwYXNzdx==", "dTpw YXNzdw==", "dTpwYXNzdw==="}) {
            Head head = Head.of("GET", "/", List.of(Map.entry("authorization", "Basic " + pair)));
            String expected = pair.equals("dTpwYXNzdw==") ? "accepted" : "malformed";
            assertEquals(pair, expected, verdict(with(Key.basic("u", "passw")).build(), head, BODY));
        }
    }

    @Test
    public void anEd25519SignatureHasOneSpellingAndItsLength() throws Refusal {
        byte[] seed = new byte[32];
        Arrays.fill(seed, (byte) 7);
        String secret = "whsk_" + Base64.getEncoder().encodeToString(seed);
        Map<String, String> headers = WebhookVerifier.sign(WebhookDialect.STANDARD, List.of(secret), "msg_1", NOW.getEpochSecond(), BODY);
        WebhookVerifier verifier = WebhookVerifier.builder(WebhookDialect.STANDARD, List.of(secret)).clock(Clock.fixed(NOW, ZoneOffset.UTC)).build();
        String text = headers.get("webhook-signature").substring("v1a,".length());
        byte[] signature = Base64.getDecoder().decode(text);
        Map<String, Boolean> spellings = Map.of(text, true, text.replace("=", ""), false, text + "=", false,
                Base64.getEncoder().encodeToString(Arrays.copyOf(signature, 65)), false, Base64.getEncoder().encodeToString(Arrays.copyOf(signature, 63)), false);
        spellings.forEach((spelling, valid) -> {
            List<Map.Entry<String, String>> sent = new ArrayList<>();
            headers.forEach((name, value) -> sent.add(Map.entry(name, name.endsWith("signature") ? "v1a," + spelling : value)));
            if (!valid) assertThrows(spelling, Refusal.class, () -> verifier.verify(Head.of("POST", "/", sent), BODY));
        });
        List<Map.Entry<String, String>> whole = new ArrayList<>(headers.entrySet());
        assertEquals("msg_1", verifier.verify(Head.of("POST", "/", whole), BODY).id());
    }

    @Test
    public void aPublicKeyIsNoSecret() {
        String open = "whpk_" + Base64.getEncoder().encodeToString(new byte[32]);
        assertThrows(UnusableKeyException.class, () -> WebhookVerifier.of(WebhookDialect.X_WEBHOOK, open));
        assertThrows(UnusableKeyException.class, () -> WebhookVerifier.sign(WebhookDialect.STANDARD, List.of(open), "msg_1", 1, BODY));
    }

    @Test
    public void aFullReplayStoreRefusesAndForgetsWhatIsTooOld() {
        MemoryReplayStore store = new MemoryReplayStore(2);
        Instant end = NOW.plusSeconds(10);
        assertTrue(store.remember("a", end, NOW));
        assertFalse(store.remember("a", end, NOW));
        assertTrue(store.remember("b", end.plusSeconds(60), NOW));
        assertFalse(store.remember("c", end, NOW));
        assertTrue(store.remember("c", end.plusSeconds(60), end.plusSeconds(1)));
        assertFalse(store.remember("b", end.plusSeconds(60), end.plusSeconds(1)));
    }

    @Test
    public void aFailureRefuses() {
        Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
        Verifier noKeys = Verifier.builder().clock(clock).lookup((id, type) -> {
            throw new IllegalStateException("no database");
        }).build();
        assertEquals("keys_unavailable", verdict(noKeys, ORDERS));
        Verifier noStore = with(ORDERS).replayStore((id, end, at) -> {
            throw new IllegalStateException("no Redis");
        }).build();
        assertEquals("store_unavailable", verdict(noStore, ORDERS));
        assertEquals("unknown_key", verdict(Verifier.builder().clock(clock).lookup((id, type) -> List.of(Key.hmac("orders-gateway", ""))).build(), ORDERS));
    }

    @Test
    public void theHintOfAFarDateIsExact() {
        Refusal refusal = assertThrows(Refusal.class, () -> with(ORDERS).build().verify(signed(ORDERS, "/", BODY, NOW.plusSeconds(901)), BODY));
        assertEquals("skew: X-Sdk-Date is 901 s away from the clock here", refusal.getMessage());
        assertEquals("accepted", verdict(with(ORDERS).build(), signed(ORDERS, "/", BODY, NOW.minusSeconds(900)), BODY));
    }

    @Test
    public void optionsThatCannotWorkAreErrors() {
        assertThrows(IllegalArgumentException.class, () -> Verifier.builder().build());
        assertThrows(IllegalArgumentException.class, () -> with(ORDERS).lookup((id, type) -> List.of()).build());
        assertThrows(IllegalArgumentException.class, () -> with(ORDERS).skew(Duration.ofSeconds(-1)));
        assertThrows(IllegalArgumentException.class, () -> with(ORDERS).limitBytes(-1).build());
        for (Key key : new Key[] {Key.hmac("id", ""), Key.basic("", "s"), Key.aes128("short", "0123456789abcdef"), Key.publicKey("AAAA")}) {
            assertThrows(UnusableKeyException.class, () -> Verifier.of(key));
        }
        assertThrows(UnusableKeyException.class, () -> Key.of("aes", null, "k", "s"));
    }

    @Test
    public void noSecretIsPrinted() {
        String secret = "Secret-0123456789";
        Service service = Service.builder().url("https://signet.internal").instanceId("i1").token(secret).name("n").build();
        UnusableKeyException unusable = assertThrows(UnusableKeyException.class, () -> Verifier.of(Key.publicKey(secret)));
        for (Object each : new Object[] {ORDERS, Signer.of(ORDERS), with(ORDERS).build(), service, unusable}) {
            assertFalse(each.toString(), each.toString().contains(secret) || each.toString().contains("orders-gateway"));
        }
        assertNull(unusable.getCause());
    }

    @Test
    public void aDifferenceIsThatOfTheFirstLine() throws Refusal {
        Verifier verifier = with(ORDERS).build();
        String received = verifier.canonicalRequest(signed(ORDERS, "/a?b=1", BODY, NOW), BODY);
        String other = verifier.canonicalRequest(signed(ORDERS, "/a?b=2", BODY, NOW), BODY);
        assertNull(Difference.between(received, received));
        assertEquals("query, from character 2: received \"b=1\", signed \"b=2\"", Difference.between(received, other).toString());
        assertEquals("payload", Difference.between(received, verifier.canonicalRequest(signed(ORDERS, "/a?b=1", BODY, NOW), new byte[0])).part());
    }
}
