<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * A key, parsed.
 *
 * @internal
 */
final class LoadedKey
{
    /**
     * @param string $accessId its id in the Authorization header (`Access=`), or the `keyid` of a message signature
     * @param \Closure(string): string $sign throws UnusableKeyError when the key can only verify
     * @param \Closure(string, string): bool $verify string to sign and signature, in constant time; never throws
     */
    private function __construct(
        public readonly Key $material,
        public readonly Scheme $scheme,
        public readonly string $accessId,
        public readonly \Closure $sign,
        public readonly \Closure $verify,
    ) {
    }

    /** @throws UnusableKeyError */
    public static function of(Key $key): self
    {
        $scheme = Scheme::ofKey($key);
        [$accessId, $sign, $verify] = match ($scheme) {
            Scheme::Hmac => self::hmac($key),
            Scheme::Basic => self::basic($key),
            Scheme::Aes128 => self::aes($key, 'aes-128-cfb', 16),
            Scheme::Aes256 => self::aes($key, 'aes-256-cfb', 32),
            Scheme::PublicKey => RsaPss::load($key),
            Scheme::MessageEd25519 => MessageKeys::ed25519($key),
            Scheme::MessageHmac => MessageKeys::hmac($key),
        };
        return new self($key, $scheme, $accessId, $sign, $verify);
    }

    public function keyId(): string
    {
        return $this->material->id ?? $this->accessId;
    }

    /** @return array<string, mixed> dumps of closures show what they use */
    public function __debugInfo(): array
    {
        return ['scheme' => $this->scheme, 'material' => $this->material];
    }

    /** @return array{string, \Closure(string): string, \Closure(string, string): bool} */
    private static function hmac(Key $key): array
    {
        $secret = $key->signSecret ?? '';
        if ($secret === '') {
            throw new UnusableKeyError('an hmac key has a secret');
        }
        return self::symmetric($key->signKey, static fn (string $stringToSign): string => hash_hmac('sha256', $stringToSign, $secret));
    }

    /** @return array{string, \Closure(string): string, \Closure(string, string): bool} */
    private static function basic(Key $key): array
    {
        $secret = $key->signSecret ?? '';
        if ($secret === '') {
            throw new UnusableKeyError('a basic key has a secret');
        }
        return [
            $key->signKey,
            static fn (string $_): string => $secret,
            static fn (string $_, #[\SensitiveParameter] string $password): bool => Text::same($password, $secret),
        ];
    }

    /**
     * A MAC from AES-CFB with the key's fixed vector, of which the last block only is sent: docs/signing.md, "aes".
     *
     * @return array{string, \Closure(string): string, \Closure(string, string): bool}
     */
    private static function aes(Key $key, string $algorithm, int $keyLength): array
    {
        [$secret, $vector] = [$key->signKey, $key->signSecret ?? ''];
        if (\strlen($secret) !== $keyLength) {
            throw new UnusableKeyError("the key of $algorithm has $keyLength bytes");
        }
        if (\strlen($vector) !== 16) {
            throw new UnusableKeyError("the secret of $algorithm, its vector, has 16 bytes");
        }
        $sign = static function (string $stringToSign) use ($algorithm, $secret, $vector): string {
            $message = hash('sha256', $stringToSign, true) . str_repeat("\0", 16);
            $encrypted = openssl_encrypt($message, $algorithm, $secret, OPENSSL_RAW_DATA, $vector);
            if ($encrypted === false || \strlen($encrypted) !== 48) {
                throw new UnusableKeyError("this OpenSSL has no $algorithm");
            }
            return bin2hex(substr($encrypted, 32));
        };
        return self::symmetric(substr(hash_hmac('sha256', "signet aes key id\n$vector", $secret), 0, 32), $sign);
    }

    /**
     * @param \Closure(string): string $sign
     *
     * @return array{string, \Closure(string): string, \Closure(string, string): bool}
     */
    private static function symmetric(#[\SensitiveParameter] string $accessId, \Closure $sign): array
    {
        $verify = static fn (string $stringToSign, string $signature): bool => Text::sameHex($signature, $sign($stringToSign));
        return [$accessId, $sign, $verify];
    }
}
