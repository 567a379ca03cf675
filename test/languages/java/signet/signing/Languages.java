package signet.signing;

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import signet.signing.httpserver.SignatureFilter;

/**
 * Runs the Java verifier for java.spec.ts. Without an argument it answers each line of stdin, a JSON list of vectors to judge or of things to sign, with
 * a list; with `serve` it is a backend whose keys come from a service. It is in the library's package to use its JSON parser.
 */
final class Languages {
    private Languages() {}

    public static void main(String[] args) throws Exception {
        if (args.length > 0) {
            serve();
            return;
        }
        byte[] input = System.in.readAllBytes();
        List<Object> answers = new ArrayList<>();
        for (Object item : (List<?>) Json.parse(new String(input, StandardCharsets.UTF_8))) {
            Map<?, ?> each = (Map<?, ?>) item;
            answers.add(each.containsKey("request") ? judge(each) : sign(each));
        }
        System.out.write(json(answers).getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    private static Map<String, Object> judge(Map<?, ?> vector) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("id", vector.get("id"));
        try {
            answer.put("verified", vector.get("kind").equals("webhook") ? judgeWebhook(vector) : judgeGateway(vector));
        } catch (Refusal refusal) {
            answer.put("code", refusal.code().toString());
            answer.put("hint", refusal.hint());
        } catch (UnusableKeyException unusable) {
            answer.put("code", "unusable_key");
            answer.put("hint", unusable.getMessage());
        }
        return answer;
    }

    /** The secrets are parsed once the headers are valid. */
    private static Map<String, Object> judgeWebhook(Map<?, ?> vector) throws Refusal {
        Map<?, ?> options = (Map<?, ?>) vector.get("options");
        Map<?, ?> request = (Map<?, ?>) vector.get("request");
        List<String> secrets = ((List<?>) vector.get("keys")).stream().map(String.class::cast).collect(Collectors.toList());
        WebhookDialect dialect = dialect(vector);
        verifier(dialect, List.of(), options, vector).begin(head(request));
        WebhookDelivery delivery = verifier(dialect, secrets, options, vector).verify(head(request), body(request));
        Map<String, Object> verified = new LinkedHashMap<>();
        if (!delivery.id().isEmpty()) verified.put("id", delivery.id());
        verified.put("timestamp", delivery.timestamp());
        return verified;
    }

    private static WebhookVerifier verifier(WebhookDialect dialect, List<String> secrets, Map<?, ?> options, Map<?, ?> vector) {
        WebhookVerifier.Builder builder = WebhookVerifier.builder(dialect, secrets).clock(clock(vector));
        if (options.get("toleranceSeconds") != null) builder.tolerance(seconds(options.get("toleranceSeconds")));
        return builder.build();
    }

    /** The keys are those of a look-up, which passes over unusable ones. */
    private static Map<String, Object> judgeGateway(Map<?, ?> vector) throws Refusal {
        Map<?, ?> options = (Map<?, ?>) vector.get("options");
        List<Key> keys = ((List<?>) vector.get("keys")).stream().map(Languages::key).collect(Collectors.toList());
        Verifier.Builder builder = Verifier.builder().lookup((id, type) -> keys).clock(clock(vector)).replayStore(new MemoryReplayStore());
        if (options.get("skewSeconds") != null) builder.skew(seconds(options.get("skewSeconds")));
        if (options.get("signatureHeader") != null) builder.signatureHeader((String) options.get("signatureHeader"));
        Verifier verifier = builder.allowUnsignedPayload(Boolean.TRUE.equals(options.get("allowUnsignedPayload"))).build();
        List<?> before = vector.get("before") == null ? List.of() : (List<?>) vector.get("before");
        for (Object each : before) verifier.verify(head((Map<?, ?>) each), body((Map<?, ?>) each));
        Map<?, ?> request = (Map<?, ?>) vector.get("request");
        Verified verified = verifier.verify(head(request), body(request));
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("keyId", verified.keyId());
        facts.put("bodySigned", verified.bodySigned());
        facts.put("signedHeaders", verified.signedHeaders());
        return facts;
    }

    private static Map<String, String> sign(Map<?, ?> item) {
        byte[] body = Base64.getDecoder().decode((String) item.get("body"));
        if (item.get("key") == null) {
            List<String> secrets = ((List<?>) item.get("secrets")).stream().map(String.class::cast).collect(Collectors.toList());
            return WebhookVerifier.sign(dialect(item), secrets, (String) item.get("id"), ((Number) item.get("now")).longValue(), body);
        }
        Instant now = Instant.ofEpochSecond(((Number) item.get("now")).longValue());
        return Signer.of(key(item.get("key"))).sign((String) item.get("method"), (String) item.get("target"), (String) item.get("host"), body, now);
    }

    private static Key key(Object item) {
        Map<?, ?> key = (Map<?, ?>) item;
        String type = (String) key.get("signType");
        return Key.of(type, (String) key.get("signAlgorithm"), (String) key.get("signKey"), (String) key.get("signSecret")).withId((String) key.get("id"));
    }

    private static WebhookDialect dialect(Map<?, ?> item) {
        return item.get("dialect").equals("standard") ? WebhookDialect.STANDARD : WebhookDialect.X_WEBHOOK;
    }

    private static Head head(Map<?, ?> request) {
        List<Map.Entry<String, String>> headers = new ArrayList<>();
        for (Object pair : (List<?>) request.get("headers")) headers.add(Map.entry((String) ((List<?>) pair).get(0), asServed(((List<?>) pair).get(1))));
        return Head.of((String) request.get("method"), (String) request.get("target"), headers);
    }

    /** One character for each byte, as servers read headers. */
    private static String asServed(Object value) {
        return new String(((String) value).getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }

    private static byte[] body(Map<?, ?> request) {
        return Base64.getDecoder().decode((String) request.get("body"));
    }

    private static Clock clock(Map<?, ?> vector) {
        return Clock.fixed(Instant.ofEpochSecond(((Number) vector.get("now")).longValue()), ZoneOffset.UTC);
    }

    private static Duration seconds(Object number) {
        return Duration.ofSeconds(((Number) number).longValue());
    }

    /** Listens on PORT once its keys have arrived, and leaves when it is told to end. */
    private static void serve() throws Exception {
        Service service = Service.builder().url(System.getenv("SERVICE_URL")).instanceId(System.getenv("INSTANCE_ID")).token(System.getenv("TOKEN"))
                .name("orders-backend").build();
        Verifier verifier = Verifier.builder().service(service).reportOnly(System.getenv("REPORT_ONLY") != null).build();
        verifier.awaitReady(Duration.ofMinutes(1));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 0);
        server.createContext("/", exchange -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            SignatureFilter.answer(exchange, 200, "text/plain", "signed with " + SignatureFilter.keyIdOf(exchange) + ": " + body);
        }).getFilters().add(new SignatureFilter(verifier));
        server.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            verifier.close();
            // Otherwise the status is that of the signal.
            Runtime.getRuntime().halt(0);
        }));
    }

    private static String json(Object value) {
        if (value instanceof Map) {
            return ((Map<?, ?>) value).entrySet().stream().map(each -> json(each.getKey()) + ":" + json(each.getValue())).collect(Collectors.joining(",", "{", "}"));
        }
        if (value instanceof List) return ((List<?>) value).stream().map(Languages::json).collect(Collectors.joining(",", "[", "]"));
        if (!(value instanceof String)) return String.valueOf(value);
        StringBuilder text = new StringBuilder("\"");
        for (char each : ((String) value).toCharArray()) text.append(each >= ' ' && each != '"' && each != '\\' ? each : String.format("\\u%04x", (int) each));
        return text.append('"').toString();
    }
}
