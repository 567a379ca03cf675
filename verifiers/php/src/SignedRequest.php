<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * The signature of a request, parsed before any key or the body is used.
 *
 * @internal
 */
abstract class SignedRequest
{
    /** Clients sign a handful. */
    protected const SIGNED_HEADERS_MAX = 64;
    /** Characters of the target and the signed headers: twice the limit of HTTP servers. */
    protected const SIGNED_CHARS_MAX = 65_536;

    /**
     * @param string $signature the secret, for `basic`
     * @param int $signedAt seconds since the epoch; 0 for a scheme without a string to sign
     * @param int|null $expiresAt seconds since the epoch: the sender's own end of the signature, if it named one
     */
    protected function __construct(
        public readonly Scheme $scheme,
        public readonly string $accessId,
        #[\SensitiveParameter] public readonly string $signature,
        public readonly int $signedAt,
        public readonly ?int $expiresAt = null,
    ) {
    }

    /** A message signature with our tag decides, whatever the other header has: that may be the application's own. */
    public static function parse(string $method, string $target, Headers $headers, string $signatureHeader): self|Refusal
    {
        $value = Text::trim($headers->get(Text::lower($signatureHeader)) ?? '');
        return MessageSignature::find($method, $target, $headers, $value !== '')
            ?? Authorization::read($method, $target, $headers, $signatureHeader, $value);
    }

    abstract public function bodySigned(): bool;

    /** What the signer has signed of the request, for people to compare. */
    abstract public function canonicalRequest(string $body): string;

    abstract public function stringToSign(string $body): string;

    /** Whether the body is the one that a header announces; hashes it, so asked last. */
    abstract public function bodyMatches(string $body): bool;

    /** @return list<string> in lower case */
    abstract public function signedNames(): array;

    /** @return array<string, string> without the signature, which is the secret of Basic */
    public function __debugInfo(): array
    {
        return ['scheme' => $this->scheme->value, 'accessId' => $this->accessId];
    }
}
