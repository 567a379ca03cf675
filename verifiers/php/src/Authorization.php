<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * A signature in the Authorization header, or in another one with its form: all types of keys but `http-message-signatures`.
 *
 * @internal
 */
final class Authorization extends SignedRequest
{
    private function __construct(
        private readonly string $method,
        private readonly string $target,
        Scheme $scheme,
        string $accessId,
        public readonly string $signedHeaders,
        #[\SensitiveParameter] string $signature,
        int $signedAt = 0,
        private readonly string $date = '',
        private readonly string $headerLines = '',
        private readonly ?string $announced = null,
    ) {
        parent::__construct($scheme, $accessId, $signature, $signedAt);
    }

    /** @param string $value of the header, trimmed */
    public static function read(string $method, string $target, Headers $headers, string $signatureHeader, string $value): self|Refusal
    {
        if ($value === '') {
            return new Refusal('no_authorization', "there is no $signatureHeader header");
        }
        if ($value === 'unsigned') {
            return new Refusal('no_authorization', 'the gateway let this request pass without signing it');
        }
        $words = explode(' ', $value, 2);
        $scheme = Scheme::named($words[0]);
        if ($scheme === null) {
            return new Refusal('malformed', 'the header names no scheme that is known here');
        }
        $credentials = $scheme->parse(Text::trim($words[1] ?? ''));
        if ($credentials === null) {
            return new Refusal('malformed', "the header does not have the form of $scheme->value");
        }
        if (!Canonical::isTarget($target)) {
            return new Refusal('malformed', 'a request target has no #, space or control character');
        }
        [$accessId, $signedHeaders, $signature] = $credentials;
        if (!$scheme->coversRequest()) {
            return new self($method, $target, $scheme, $accessId, '', $signature);
        }
        $lines = self::readSigned($headers, $signedHeaders, \strlen($target));
        if ($lines instanceof Refusal) {
            return $lines;
        }
        $date = Text::trim($headers->get('x-sdk-date') ?? '');
        $signedAt = self::parseDate($date);
        if ($signedAt === null) {
            return new Refusal('malformed', 'X-Sdk-Date has the form YYYYMMDDTHHMMSSZ');
        }
        $announced = $headers->get('x-sdk-content-sha256');
        $announced = $announced === null ? null : Text::trim($announced);
        if ($announced !== null && Text::hasLineBreak($announced)) {
            return new Refusal('malformed', 'a header value has a line break');
        }
        return new self($method, $target, $scheme, $accessId, $signedHeaders, $signature, $signedAt, $date, $lines, $announced);
    }

    public function bodySigned(): bool
    {
        return $this->scheme->coversRequest() && $this->announced !== Canonical::UNSIGNED_PAYLOAD;
    }

    /** With the hash that the request announces, which bodyMatches() compares, or the body's own. */
    public function canonicalRequest(string $body): string
    {
        $payload = $this->announced ?? hash('sha256', $body);
        return Canonical::request($this->method, Text::ofWire($this->target), $this->headerLines, $this->signedHeaders, $payload);
    }

    public function stringToSign(string $body): string
    {
        if (!$this->scheme->coversRequest()) {
            return '';
        }
        return Canonical::stringToSign($this->scheme->value, $this->date, $this->canonicalRequest($body));
    }

    public function bodyMatches(string $body): bool
    {
        return $this->announced === null || $this->announced === Canonical::UNSIGNED_PAYLOAD || $this->announced === hash('sha256', $body);
    }

    public function signedNames(): array
    {
        return $this->signedHeaders === '' ? [] : explode(';', Text::lower($this->signedHeaders));
    }

    /** Seconds since the epoch; null for an invalid date or another format. */
    public static function parseDate(string $date): ?int
    {
        if (preg_match('/\A([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z\z/', $date, $found) !== 1) {
            return null;
        }
        [$year, $month, $day, $hour, $minute, $second] = array_map('intval', \array_slice($found, 1));
        // The signer's own dates begin with the year 100.
        if ($year < 100 || !checkdate($month, $day, $year) || $hour > 23 || $minute > 59 || $second > 59) {
            return null;
        }
        return (new \DateTimeImmutable("$found[1]-$found[2]-$found[3]T$found[4]:$found[5]:$found[6]Z"))->getTimestamp();
    }

    public static function formatDate(int $seconds): string
    {
        return gmdate('Ymd\THis\Z', $seconds);
    }

    /** Lines of the signed headers, in their order. The target is signed as well, so its length counts. */
    private static function readSigned(Headers $headers, string $signedHeaders, int $chars): string|Refusal
    {
        $names = explode(';', $signedHeaders, self::SIGNED_HEADERS_MAX + 1);
        if (\count($names) > self::SIGNED_HEADERS_MAX) {
            return new Refusal('malformed', 'more than ' . self::SIGNED_HEADERS_MAX . ' headers are signed');
        }
        [$seen, $lines] = [[], ''];
        foreach ($names as $name) {
            $lower = Text::lower($name);
            if (isset($seen[$lower])) {
                return new Refusal('malformed', 'a header is signed twice: ' . Text::printable($lower));
            }
            $value = $headers->get($lower);
            if ($value === null) {
                return new Refusal('missing_signed_header', 'a signed header did not arrive: ' . Text::printable($lower));
            }
            $value = Text::trim($value);
            $chars += Text::utf16Length($value);
            if ($chars > self::SIGNED_CHARS_MAX) {
                return new Refusal('malformed', 'more than ' . self::SIGNED_CHARS_MAX . ' characters are signed');
            }
            if (Text::hasLineBreak($value)) {
                return new Refusal('malformed', 'a header value has a line break');
            }
            $seen[$lower] = true;
            $lines .= "$lower:$value\n";
        }
        return isset($seen['x-sdk-date']) ? $lines : new Refusal('missing_signed_header', 'x-sdk-date is not signed');
    }
}
