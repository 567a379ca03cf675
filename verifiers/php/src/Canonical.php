<?php

declare(strict_types=1);

namespace Signet\Signing;

/** The canonical request of docs/signing.md, "What is signed". */
final class Canonical
{
    /** Payload line for a body that the signature does not cover. */
    public const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

    /**
     * Whether a target as received can be one: it has no `#`, space or control character (RFC 9112 §3.2). Two parsers read different paths
     * from a target with one of them.
     */
    public static function isTarget(string $target): bool
    {
        return preg_match('/[\x00-\x20#\x7f]/', $target) === 0;
    }

    /**
     * Path and query of a target that isTarget() accepts; `#` is an ordinary character here.
     *
     * @return array{string, string}
     */
    public static function split(string $target): array
    {
        if (!str_starts_with($target, '/') && preg_match('~\A[A-Za-z][A-Za-z0-9+.\-]*+://[^/?#]*+~', $target, $found) === 1) {
            $target = substr($target, \strlen($found[0]));
        }
        $parts = explode('?', $target, 2);
        return [$parts[0], $parts[1] ?? ''];
    }

    /** Decodes and encodes each segment, so `%2F` stays in its segment; dot segments and `//` are kept. */
    public static function uri(string $path): string
    {
        $encoded = implode('/', array_map(static fn (string $segment): string => rawurlencode(rawurldecode($segment)), explode('/', $path)));
        return str_ends_with($encoded, '/') ? $encoded : $encoded . '/';
    }

    /** Sorted by decoded name, then decoded value, by code point: as the bytes of UTF-8 sort. */
    public static function query(string $query): string
    {
        $pairs = [];
        foreach (explode('&', $query) as $pair) {
            if ($pair !== '') {
                $parts = explode('=', strtr($pair, '+', ' '), 2);
                $pairs[] = [rawurldecode($parts[0]), rawurldecode($parts[1] ?? '')];
            }
        }
        // Not `<=>`, which compares texts like "10" and "9" as numbers.
        usort($pairs, static fn (array $a, array $b): int => strcmp($a[0], $b[0]) ?: strcmp($a[1], $b[1]));
        return implode('&', array_map(static fn (array $pair): string => rawurlencode($pair[0]) . '=' . rawurlencode($pair[1]), $pairs));
    }

    /** `headerLines`: `name:value\n` in the order of `signedHeaders`. */
    public static function request(string $method, string $target, string $headerLines, string $signedHeaders, string $payload): string
    {
        [$path, $query] = self::split($target);
        return implode("\n", [Text::upper($method), self::uri($path), self::query($query), $headerLines, $signedHeaders, $payload]);
    }

    public static function stringToSign(string $scheme, string $date, string $canonicalRequest): string
    {
        return "$scheme\n$date\n" . hash('sha256', $canonicalRequest);
    }
}
