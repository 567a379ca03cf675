package signet.signing;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.Test;

public class MessageSignatureTest {
    /** Of RFC 9421, appendix B.1.4. */
    private static final String PUBLIC_HALF = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=";
    private static final String PRIVATE_HALF = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF";
    private static final byte[] BODY = "body".getBytes(StandardCharsets.UTF_8);

    @Test
    public void theVectorsOfRfc9421() throws Exception {
        Map<?, ?> file = (Map<?, ?>) Json.parse(Files.readString(Path.of("test/vectors/rfc9421.json")));
        List<String> names = new ArrayList<>();
        for (Object one : (List<?>) file.get("signatures")) {
            Map<?, ?> each = (Map<?, ?>) one;
            names.add((String) each.get("name"));
            Map<?, ?> given = (Map<?, ?>) ((Map<?, ?>) file.get("keys")).get(each.get("key"));
            Key key = Key.of("http-message-signatures", (String) given.get("signAlgorithm"), (String) given.get("signKey"), (String) given.get("signSecret"));
            List<Map.Entry<String, String>> pairs = new ArrayList<>();
            for (Object pair : (List<?>) each.get("headers")) pairs.add(Map.entry((String) ((List<?>) pair).get(0), (String) ((List<?>) pair).get(1)));
            Head head = Head.of((String) each.get("method"), (String) each.get("target"), pairs);
            Map.Entry<String, StructuredFields.Member> input = StructuredFields.dictionary(head.value("signature-input")).entrySet().iterator().next();
            Map<String, String> values = new LinkedHashMap<>();
            for (StructuredFields.Member item : input.getValue().items) {
                String derived = MessageSignature.derived(item.bare.value, head.method(), head.value("host"), head.target());
                values.put(item.bare.value, derived == null ? head.value(item.bare.value) : derived);
            }
            String base = MessageSignature.base(values, MessageSignature.parameters(new ArrayList<>(values.keySet()), input.getValue().parameters));
            String signature = StructuredFields.dictionary(head.value("signature")).get(input.getKey()).bare.value;
            assertEquals(each.get("base"), base);
            LoadedKey loaded = LoadedKey.load(key);
            assertEquals(signature, loaded.proof.sign(base));
            assertTrue(loaded.proof.verify(base, signature));
            assertFalse(loaded.proof.verify(base + " ", signature));
            // It covers less than what is required here, and does not have our tag.
            Clock clock = Clock.fixed(Instant.ofEpochSecond(1618884473), ZoneOffset.UTC);
            assertEquals("no_authorization", VerifierTest.verdict(Verifier.builder().keys(List.of(key)).clock(clock).build(), head, BODY));
        }
        assertEquals(List.of("B.2.5", "B.2.6", "B.4"), names);
        // RFC 8037, appendix A.3.
        Map<?, ?> thumbprint = (Map<?, ?>) file.get("thumbprint");
        byte[] x = Base64.getUrlDecoder().decode((String) thumbprint.get("x"));
        String spki = Base64.getEncoder().encodeToString(Text.bytesOfHex("302a300506032b6570032100" + Text.hex(x)));
        assertEquals(thumbprint.get("keyid"), LoadedKey.load(Key.ed25519(spki)).accessId);
    }

    @Test
    public void thePublicHalfVerifiesAndDoesNotSign() throws Exception {
        Head head = VerifierTest.signed(Key.ed25519Pair(PUBLIC_HALF, PRIVATE_HALF), "/a?b", BODY, VerifierTest.NOW);
        Verifier verifier = VerifierTest.with(Key.ed25519(PUBLIC_HALF)).build();
        assertEquals(List.of("@method", "@authority", "@path", "@query", "content-digest"), verifier.verify(head, BODY).signedHeaders());
        assertEquals("body_hash_mismatch", VerifierTest.verdict(verifier, head, new byte[0]));
        Head moved = new Head("POST", "/a?c", name -> head.value(name) == null ? List.of() : List.of(head.value(name)));
        assertEquals("signature_mismatch", VerifierTest.verdict(verifier, moved, BODY));
        assertEquals("@query", Difference.between(verifier.canonicalRequest(moved, BODY), verifier.canonicalRequest(head, BODY)).part());
        assertThrows(UnusableKeyException.class, () -> VerifierTest.signed(Key.ed25519(PUBLIC_HALF), "/a?b", BODY, VerifierTest.NOW));
        for (Key key : new Key[] {Key.ed25519Pair(PUBLIC_HALF, PUBLIC_HALF), Key.ed25519(PRIVATE_HALF), Key.messageHmac("id", "c2hvcnQ=")}) {
            assertThrows(UnusableKeyException.class, () -> Verifier.of(key));
        }
    }

    @Test
    public void aLongHeaderIsReadAsAWhole() {
        String text = "\\\"".repeat(30_000);
        assertEquals(30_000, StructuredFields.dictionary("a=\"" + text + "\"").get("a").bare.value.length());
        assertEquals(60_000, StructuredFields.dictionary("a=" + "x".repeat(60_000)).get("a").bare.value.length());
        assertNull(StructuredFields.dictionary("a=\"" + text));
    }
}
