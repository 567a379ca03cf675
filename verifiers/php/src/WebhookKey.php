<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * A secret of webhooks, parsed.
 *
 * @internal
 */
final class WebhookKey
{
    private const BASE64 = '/\A[A-Za-z0-9+\/]++={0,2}\z/';

    /**
     * @param \Closure(string): string $sign throws UnusableKeyError when the key can only verify
     * @param \Closure(string, string): bool $verify message and signature, in constant time; never throws
     */
    private function __construct(private readonly \Closure $sign, private readonly \Closure $verify)
    {
    }

    /** @throws UnusableKeyError */
    public static function of(string $dialect, #[\SensitiveParameter] string $secret): self
    {
        return $dialect === 'x-webhook' ? self::wholeText($secret) : self::standard($secret);
    }

    /** @return array<string, mixed> dumps of closures show what they use */
    public function __debugInfo(): array
    {
        return [];
    }

    public function sign(string $message): string
    {
        return ($this->sign)($message);
    }

    public function matches(string $message, string $signature): bool
    {
        return ($this->verify)($message, $signature);
    }

    /** The HMAC key is the whole text of the secret, prefix included. */
    private static function wholeText(#[\SensitiveParameter] string $secret): self
    {
        if ($secret === '') {
            throw new UnusableKeyError('a webhook secret is not empty');
        }
        // Whoever knows a public key could sign with it.
        if (str_starts_with($secret, 'whpk_')) {
            throw new UnusableKeyError('a public key is no secret: x-webhook has no signatures for it');
        }
        $sign = static fn (string $message): string => 'sha256=' . hash_hmac('sha256', $message, $secret);
        return new self($sign, static fn (string $message, string $signature): bool => Text::sameHex($signature, $sign($message)));
    }

    /** `whsec_…` or bare base64, a shared secret; `whsk_…`, an Ed25519 private key; `whpk_…`, a public key. */
    private static function standard(#[\SensitiveParameter] string $text): self
    {
        [$prefix, $digits] = preg_match('/\Awh(?:sec|sk|pk)_/', $text) === 1 ? explode('_', $text, 2) : ['whsec', $text];
        $bytes = Text::base64($digits);
        if (preg_match(self::BASE64, $digits) !== 1 || $bytes === '') {
            throw new UnusableKeyError('a Standard Webhooks key is base64 after its prefix');
        }
        if ($prefix === 'whsk') {
            return self::seed($bytes);
        }
        if ($prefix === 'whpk') {
            if (\strlen($bytes) !== SODIUM_CRYPTO_SIGN_PUBLICKEYBYTES) {
                throw new UnusableKeyError('a whpk_ key has 32 bytes');
            }
            return new self(static fn (string $_): string => throw new UnusableKeyError('a whpk_ key can only verify'), self::ed25519($bytes));
        }
        $sign = static fn (string $message): string => 'v1,' . base64_encode(hash_hmac('sha256', $message, $bytes, true));
        return new self($sign, static fn (string $message, string $signature): bool => Text::same($signature, $sign($message)));
    }

    private static function seed(#[\SensitiveParameter] string $bytes): self
    {
        if (\strlen($bytes) !== SODIUM_CRYPTO_SIGN_SEEDBYTES && \strlen($bytes) !== SODIUM_CRYPTO_SIGN_SECRETKEYBYTES) {
            throw new UnusableKeyError('a whsk_ key has 32 or 64 bytes');
        }
        $pair = sodium_crypto_sign_seed_keypair(substr($bytes, 0, SODIUM_CRYPTO_SIGN_SEEDBYTES));
        $private = sodium_crypto_sign_secretkey($pair);
        $sign = static fn (string $message): string => 'v1a,' . base64_encode(sodium_crypto_sign_detached($message, $private));
        return new self($sign, self::ed25519(sodium_crypto_sign_publickey($pair)));
    }

    /** @return \Closure(string, string): bool */
    private static function ed25519(string $public): \Closure
    {
        return static function (string $message, string $signature) use ($public): bool {
            $bytes = str_starts_with($signature, 'v1a,') ? Text::canonicalBase64(substr($signature, 4)) : null;
            try {
                return $bytes !== null && $bytes !== '' && sodium_crypto_sign_verify_detached($bytes, $message, $public);
            } catch (\SodiumException) { // a signature of another length
                return false;
            }
        };
    }
}
