<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * What admit() and the middleware share: limits of a body, and signs that something has read it before it could be verified. The application may
 * use what was read then, and no signature was verified for it.
 *
 * @internal
 */
final class Body
{
    public const CHUNK_BYTES = 65_536;

    public static function readBefore(): Refusal
    {
        return new Refusal('malformed', 'the body was read before it could be verified, or ended early');
    }

    public static function tooLarge(int $limitBytes): Refusal
    {
        return new Refusal('too_large', "the body is longer than $limitBytes bytes");
    }

    /** Before the body is read: by its Content-Length, '' without one. */
    public static function refuseLength(string $length, int $limitBytes): ?Refusal
    {
        if ($length !== '' && preg_match('/\A[0-9]{1,18}\z/', $length) !== 1) {
            return new Refusal('malformed', 'Content-Length is a number');
        }
        return (int) $length > $limitBytes ? self::tooLarge($limitBytes) : null;
    }

    /** Once the body was read. */
    public static function refuseRead(string $body, string $length, int $limitBytes): ?Refusal
    {
        if (\strlen($body) > $limitBytes) {
            return self::tooLarge($limitBytes);
        }
        return $length !== '' && \strlen($body) !== (int) $length ? self::readBefore() : null;
    }

    public static function isMultipart(string $contentType): bool
    {
        return str_contains(Text::lower($contentType), 'multipart/form-data');
    }

    /** PHP parses such a body of a POST into `$_POST` and `$_FILES`, and keeps nothing of it. */
    public static function consumedMultipart(): Refusal
    {
        $hint = 'PHP has consumed the multipart body before it could be verified: set enable_post_data_reading=Off, or send another type';
        return new Refusal('malformed', $hint);
    }
}
