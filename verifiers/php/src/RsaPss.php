<?php

declare(strict_types=1);

namespace Signet\Signing;

use phpseclib3\Crypt\Common\AsymmetricKey;
use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Crypt\RSA;

/**
 * RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes: keys of the type `public_key`. Functions of ext-openssl have no PSS, so
 * this is done by phpseclib.
 *
 * @internal
 */
final class RsaPss
{
    private const BITS_MIN = 2048;
    private const SALT_BYTES = 32;

    /**
     * @return array{string, \Closure(string): string, \Closure(string, string): bool}
     *
     * @throws UnusableKeyError
     */
    public static function load(Key $key): array
    {
        if (!class_exists(PublicKeyLoader::class)) {
            throw new UnusableKeyError('keys of the type public_key need the package phpseclib/phpseclib');
        }
        $public = self::half($key->signKey, 'sign_key');
        if (!$public instanceof RSA\PublicKey) {
            throw new UnusableKeyError('sign_key of a public_key pair is a public RSA key');
        }
        $der = self::der($public);
        $private = null;
        if (($key->signSecret ?? '') !== '') {
            $private = self::half((string) $key->signSecret, 'sign_secret');
            if (!$private instanceof RSA\PrivateKey) {
                throw new UnusableKeyError('sign_secret of a public_key pair is a private RSA key');
            }
            $itsPublic = $private->getPublicKey();
            if (!$itsPublic instanceof RSA\PublicKey || self::der($itsPublic) !== $der) {
                throw new UnusableKeyError('the halves of this public_key pair do not belong together');
            }
        }
        [$signer, $verifier] = [$private === null ? null : self::pss($private), self::pss($public)];
        return [
            substr(hash('sha256', $der), 0, 32),
            static fn (string $stringToSign): string => $signer === null
                ? throw new UnusableKeyError('this key has no private half, it can only verify')
                : bin2hex((string) $signer->sign($stringToSign)),
            static function (string $stringToSign, string $signature) use ($verifier): bool {
                try {
                    return $verifier->verify($stringToSign, (string) hex2bin($signature)) === true;
                } catch (\Throwable) { // a signature that is none
                    return false;
                }
            },
        ];
    }

    /** @throws UnusableKeyError without its cause, which may quote the key */
    private static function half(#[\SensitiveParameter] string $text, string $name): AsymmetricKey
    {
        try {
            $key = PublicKeyLoader::load(Text::base64($text));
        } catch (\Throwable) {
            throw new UnusableKeyError("$name of a public_key pair is base64 DER");
        }
        if (!$key instanceof RSA) {
            throw new UnusableKeyError("$name of a public_key pair is an RSA key");
        }
        if ($key->getLength() < self::BITS_MIN) {
            throw new UnusableKeyError('an RSA key has at least ' . self::BITS_MIN . ' bits');
        }
        return $key;
    }

    /** SubjectPublicKeyInfo. */
    private static function der(RSA\PublicKey $key): string
    {
        $lines = explode("\n", str_replace("\r", '', trim($key->toString('PKCS8'))));
        return (string) base64_decode(implode('', \array_slice($lines, 1, -1)), true);
    }

    /**
     * @template T of RSA
     *
     * @param T $key
     *
     * @return T
     */
    private static function pss(RSA $key): RSA
    {
        return $key->withPadding(RSA::SIGNATURE_PSS)->withHash('sha256')->withMGFHash('sha256')->withSaltLength(self::SALT_BYTES);
    }
}
