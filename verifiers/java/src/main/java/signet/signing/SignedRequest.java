package signet.signing;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;

/** The parsed signature of a request, before a key or the body is used. */
abstract class SignedRequest {
    /** Clients sign a handful. */
    static final int MOST_SIGNED_HEADERS = 64;
    /** Characters of the target and the signed headers: twice the limit of HTTP servers. */
    static final int MOST_SIGNED_CHARS = 65_536;

    final SignType type;
    final String accessId;
    final String signature;
    Instant signedAt = Instant.EPOCH;
    /** The end of the signature that its sender has named; null without one. */
    Instant expiresAt;
    boolean bodySigned;

    SignedRequest(SignType type, String accessId, String signature) {
        this.type = type;
        this.accessId = accessId;
        this.signature = signature;
    }

    /** A message signature with our tag decides, whatever the other header has: that may be the application's own. */
    static SignedRequest parse(Head head, String signatureHeader) throws Refusal {
        String given = head.value(Text.asciiLower(signatureHeader));
        String value = given == null ? "" : Text.trim(given);
        SignedRequest message = MessageSignature.find(head, !value.isEmpty());
        return message == null ? Authorization.parse(head, signatureHeader, value) : message;
    }

    /** Names in lower case, in their order. */
    abstract List<String> signedHeaders();

    /** What the signer has signed of the request, for people to compare. */
    abstract String canonical(byte[] body);

    abstract String stringToSign(byte[] body);

    /** Whether the body is the one that a header announces; hashes it, so it is asked last. */
    abstract boolean bodyMatches(byte[] body);

    /** Applies the rules that need neither a key nor the body. */
    final void check(Instant now, Duration skew, boolean allowUnsignedPayload) throws Refusal {
        if (!type.covers()) return;
        Duration away = Duration.between(signedAt, now).abs();
        if (away.compareTo(skew) > 0) {
            String date = type.signsMessages() ? "created" : "X-Sdk-Date";
            throw new Refusal(Code.SKEW, date + " is " + Math.round(away.toMillis() / 1000.0) + " s away from the clock here");
        }
        if (expiresAt != null && now.isAfter(expiresAt)) throw new Refusal(Code.SKEW, "the signature has ended: expires is over");
        if (!bodySigned && !allowUnsignedPayload) throw new Refusal(Code.BODY_UNSIGNED, "the signature does not cover the body");
    }

    /** The keys of this type with this id: the header must not choose how a secret is used. */
    final List<LoadedKey> candidates(List<LoadedKey> keys) {
        return keys.stream().filter(key -> key.type == type && key.accessId.equals(accessId)).collect(Collectors.toList());
    }

    static Refusal malformed(String hint) {
        return new Refusal(Code.MALFORMED, hint);
    }
}
