<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * How a kind of key signs. The value is the first word of the Authorization header and, if there is one, the first line of the string to sign; for
 * HTTP message signatures (RFC 9421) it is the parameter `alg`.
 *
 * @internal
 */
enum Scheme: string
{
    case Hmac = 'SDK-HMAC-SHA256';
    case Basic = 'Basic';
    case Aes128 = 'SIGNET-AES-128-CFB-MAC';
    case Aes256 = 'SIGNET-AES-256-CFB-MAC';
    case PublicKey = 'SIGNET-RSA-PSS-SHA256';
    case MessageEd25519 = 'ed25519';
    case MessageHmac = 'hmac-sha256';

    /** SignedHeaders is ASCII: names are compared without regard to case, which is not the same everywhere beyond ASCII. */
    private const SIGNED_FORM = '/\AAccess=([^,]++), *+SignedHeaders=([!-+\--~]++), *+Signature=((?:[0-9A-Fa-f]{2})++)\z/';

    /** By the first word of an Authorization header, in any case (RFC 9110 §11.1). */
    public static function named(string $name): ?self
    {
        foreach (self::cases() as $scheme) {
            if (!$scheme->signsMessages() && Text::lower($scheme->value) === Text::lower($name)) {
                return $scheme;
            }
        }
        return null;
    }

    /** By the parameter `alg` of a message signature. */
    public static function ofMessage(string $alg): ?self
    {
        $scheme = self::tryFrom($alg);
        return $scheme?->signsMessages() === true ? $scheme : null;
    }

    /** @throws UnusableKeyError */
    public static function ofKey(Key $key): self
    {
        $hasAlgorithms = $key->signType === 'aes' || $key->signType === 'http-message-signatures';
        return match ([$key->signType, $hasAlgorithms ? $key->signAlgorithm : null]) {
            ['hmac', null] => self::Hmac,
            ['basic', null] => self::Basic,
            ['aes', 'aes-128-cfb'] => self::Aes128,
            ['aes', 'aes-256-cfb'] => self::Aes256,
            ['public_key', null] => self::PublicKey,
            ['http-message-signatures', 'ed25519'] => self::MessageEd25519,
            ['http-message-signatures', 'hmac-sha256'] => self::MessageHmac,
            default => throw new UnusableKeyError('a key has a signType, its algorithm and a signKey'),
        };
    }

    /** Whether there is a string to sign; Basic sends the secret instead. */
    public function coversRequest(): bool
    {
        return $this !== self::Basic;
    }

    /** Whether its signatures are HTTP message signatures, in two headers of their own, never in Authorization. */
    public function signsMessages(): bool
    {
        return $this === self::MessageEd25519 || $this === self::MessageHmac;
    }

    /** Whether a verifier needs the public half alone. */
    public function isPair(): bool
    {
        return $this === self::PublicKey || $this === self::MessageEd25519;
    }

    /**
     * What follows the scheme's name: access id, signed headers, signature. Null if it does not have the form of the scheme.
     *
     * @return array{string, string, string}|null
     */
    public function parse(#[\SensitiveParameter] string $credentials): ?array
    {
        if ($this === self::Basic) {
            $pair = explode(':', Text::canonicalBase64($credentials) ?? '', 2);
            return \count($pair) === 2 && $pair[0] !== '' ? [$pair[0], '', $pair[1]] : null;
        }
        if (preg_match(self::SIGNED_FORM, $credentials, $found) !== 1 || Text::hasSpace($found[1])) {
            return null;
        }
        return [$found[1], $found[2], $found[3]];
    }

    public function format(string $accessId, string $signedHeaders, #[\SensitiveParameter] string $signature): string
    {
        return $this === self::Basic
            ? 'Basic ' . base64_encode("$accessId:$signature")
            : "$this->value Access=$accessId, SignedHeaders=$signedHeaders, Signature=$signature";
    }
}
