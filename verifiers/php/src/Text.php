<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * Text and bytes as the signature defines them. Functions of PHP that depend on the locale, or that answer null for what they cannot
 * match, are not used for what is signed.
 *
 * @internal
 */
final class Text
{
    private const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
    private const LOWER = 'abcdefghijklmnopqrstuvwxyz';
    private const ASCII_SPACE = "\t\n\v\f\r ";
    /** White space of ECMAScript beyond ASCII, by which signers trim. */
    private const WIDE_SPACE = [
        "\u{a0}", "\u{1680}", "\u{2000}", "\u{2001}", "\u{2002}", "\u{2003}", "\u{2004}", "\u{2005}", "\u{2006}", "\u{2007}", "\u{2008}",
        "\u{2009}", "\u{200a}", "\u{2028}", "\u{2029}", "\u{202f}", "\u{205f}", "\u{3000}", "\u{feff}",
    ];

    /** Only ASCII letters: in some locales strtolower() of PHP 8.1 changes other bytes. */
    public static function lower(string $text): string
    {
        return strtr($text, self::UPPER, self::LOWER);
    }

    public static function upper(string $text): string
    {
        return strtr($text, self::LOWER, self::UPPER);
    }

    public static function trim(string $text): string
    {
        [$start, $end] = [0, \strlen($text)];
        do {
            $before = $start;
            $start += strspn($text, self::ASCII_SPACE, $start);
            foreach (self::WIDE_SPACE as $space) {
                if (substr_compare($text, $space, $start, \strlen($space)) === 0) {
                    $start += \strlen($space);
                    break;
                }
            }
        } while ($start > $before && $start < $end);
        if ($start >= $end) {
            return '';
        }
        do {
            $before = $end;
            while ($end > $start && str_contains(self::ASCII_SPACE, $text[$end - 1])) {
                --$end;
            }
            foreach (self::WIDE_SPACE as $space) {
                $length = \strlen($space);
                if ($end - $length >= $start && substr_compare($text, $space, $end - $length, $length) === 0) {
                    $end -= $length;
                    break;
                }
            }
        } while ($end < $before);
        return substr($text, $start, $end - $start);
    }

    public static function hasSpace(string $text): bool
    {
        if (strpbrk($text, self::ASCII_SPACE) !== false) {
            return true;
        }
        foreach (self::WIDE_SPACE as $space) {
            if (str_contains($text, $space)) {
                return true;
            }
        }
        return false;
    }

    public static function hasLineBreak(string $text): bool
    {
        return strpbrk($text, "\r\n") !== false;
    }

    public static function isAscii(string $text): bool
    {
        return preg_match('/[\x80-\xff]/', $text) === 0;
    }

    /** Whether every byte is visible ASCII, and there is one. */
    public static function isVisible(string $text): bool
    {
        return preg_match('/\A[!-~]++\z/', $text) === 1;
    }

    /** UTF-8 as it is; other bytes count as Latin-1, as they do for the other verifiers. */
    public static function ofWire(string $bytes): string
    {
        if (preg_match('//u', $bytes) === 1) {
            return $bytes;
        }
        $text = '';
        for ($i = 0, $length = \strlen($bytes); $i < $length; ++$i) {
            $byte = \ord($bytes[$i]);
            $text .= $byte < 0x80 ? $bytes[$i] : \chr(0xc0 | $byte >> 6) . \chr(0x80 | $byte & 0x3f);
        }
        return $text;
    }

    /** Length of UTF-8 in units of UTF-16, as signers count it, so that both sides have the same limits. */
    public static function utf16Length(string $text): int
    {
        $length = \strlen($text);
        if (self::isAscii($text)) {
            return $length;
        }
        foreach (count_chars($text, 1) as $byte => $count) {
            // A byte that continues a character counts for nothing; a character of four bytes counts twice.
            $length += $byte >= 0xf0 ? $count : ($byte >= 0x80 && $byte < 0xc0 ? -$count : 0);
        }
        return $length;
    }

    /** Decodes base64 with or without padding, in either alphabet, as signers read keys: other characters are passed over. */
    public static function base64(#[\SensitiveParameter] string $text): string
    {
        $digits = preg_replace('/[^A-Za-z0-9+\/]/', '', strtr(explode('=', $text, 2)[0], '-_', '+/')) ?? '';
        return (string) base64_decode(\strlen($digits) % 4 === 1 ? substr($digits, 0, -1) : $digits, true);
    }

    /** Decodes base64 of RFC 4648 §4: padded, unused bits zero, nothing else; null for other text. So each sequence of bytes has one text. */
    public static function canonicalBase64(#[\SensitiveParameter] string $text): ?string
    {
        $bytes = base64_decode($text, true);
        return $bytes === false || $bytes === '' || base64_encode($bytes) !== $text ? null : $bytes;
    }

    /** Constant time; hashing hides the length of the secret. */
    public static function same(#[\SensitiveParameter] string $given, #[\SensitiveParameter] string $expected): bool
    {
        return hash_equals(hash('sha256', $expected, true), hash('sha256', $given, true));
    }

    /** Compares hexadecimal digits of either case in constant time; their length is public. */
    public static function sameHex(string $given, #[\SensitiveParameter] string $expected): bool
    {
        return hash_equals($expected, self::lower($given));
    }

    /**
     * A text that a client chose, made fit for a hint or a log.
     *
     * @param string $lowest the lowest character that stays
     */
    public static function printable(string $text, int $longest = 64, string $lowest = '!'): string
    {
        $printable = substr($text, 0, $longest);
        for ($i = 0, $length = \strlen($printable); $i < $length; ++$i) {
            if ($printable[$i] < $lowest || $printable[$i] > '~') {
                $printable[$i] = '?';
            }
        }
        return $printable;
    }
}
