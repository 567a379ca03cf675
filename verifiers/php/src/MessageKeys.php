<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * Keys of the type `http-message-signatures`. Signatures are base64.
 *
 * @internal
 */
final class MessageKeys
{
    /** DER of an Ed25519 public key, and of a private one, before its 32 bytes (RFC 8410). */
    private const SPKI = '302a300506032b6570032100';
    private const PKCS8 = '302e020100300506032b657004220420';
    private const SECRET_BYTES_MIN = 32;
    private const SECRET_BYTES_MAX = 64;

    /**
     * The secret is base64 of 32 to 64 bytes, the `keyid` the sign_key.
     *
     * @return array{string, \Closure(string): string, \Closure(string, string): bool}
     *
     * @throws UnusableKeyError
     */
    public static function hmac(Key $key): array
    {
        $secret = Text::canonicalBase64($key->signSecret ?? '') ?? '';
        if (\strlen($secret) < self::SECRET_BYTES_MIN || \strlen($secret) > self::SECRET_BYTES_MAX) {
            throw new UnusableKeyError('the secret of a message signature key is base64 of 32 to 64 bytes');
        }
        if (preg_match('/\A[ -~]++\z/', $key->signKey) !== 1) {
            throw new UnusableKeyError('the key id of a message signature is printable ASCII');
        }
        $sign = static fn (string $base): string => base64_encode(hash_hmac('sha256', $base, $secret, true));
        return [$key->signKey, $sign, static fn (string $base, string $signature): bool => Text::same($signature, $sign($base))];
    }

    /**
     * SPKI and PKCS#8 in base64 DER; the `keyid` is the JWK thumbprint (RFC 7638).
     *
     * @return array{string, \Closure(string): string, \Closure(string, string): bool}
     *
     * @throws UnusableKeyError
     */
    public static function ed25519(Key $key): array
    {
        $public = self::half($key->signKey, self::SPKI, SODIUM_CRYPTO_SIGN_PUBLICKEYBYTES, 'sign_key');
        $private = null;
        if (($key->signSecret ?? '') !== '') {
            $seed = self::half((string) $key->signSecret, self::PKCS8, SODIUM_CRYPTO_SIGN_SEEDBYTES, 'sign_secret');
            $pair = sodium_crypto_sign_seed_keypair($seed);
            if (sodium_crypto_sign_publickey($pair) !== $public) {
                throw new UnusableKeyError('the halves of this Ed25519 pair do not belong together');
            }
            $private = sodium_crypto_sign_secretkey($pair);
        }
        return [
            self::base64Url(hash('sha256', '{"crv":"Ed25519","kty":"OKP","x":"' . self::base64Url($public) . '"}', true)),
            static fn (string $base): string => $private === null
                ? throw new UnusableKeyError('this key has no private half, it can only verify')
                : base64_encode(sodium_crypto_sign_detached($base, $private)),
            static function (string $base, string $signature) use ($public): bool {
                $bytes = Text::canonicalBase64($signature) ?? '';
                return \strlen($bytes) === SODIUM_CRYPTO_SIGN_BYTES && sodium_crypto_sign_verify_detached($bytes, $base, $public);
            },
        ];
    }

    private static function half(#[\SensitiveParameter] string $text, string $prefix, int $bytes, string $name): string
    {
        $der = Text::canonicalBase64($text) ?? '';
        $start = (string) hex2bin($prefix);
        if (!str_starts_with($der, $start) || \strlen($der) !== \strlen($start) + $bytes) {
            throw new UnusableKeyError("$name of an Ed25519 pair is base64 DER of an Ed25519 key");
        }
        return substr($der, \strlen($start));
    }

    private static function base64Url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
