<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * An HTTP message signature (RFC 9421) of a key of the type `http-message-signatures`, as docs/signing.md defines it.
 *
 * @phpstan-import-type BareItem from StructuredFields
 * @phpstan-import-type InnerList from StructuredFields
 *
 * @internal
 */
final class MessageSignature extends SignedRequest
{
    /** Marks the signature that verifiers of signature keys look for, among others in one request. */
    private const TAG = 'signet';
    /** Label of our signatures. It is not signed, so verifiers look for the tag. */
    private const LABEL = 'signet';
    /** What a signature must cover, apart from the body. */
    private const REQUIRED = ['@method', '@authority', '@path', '@query'];
    /** Algorithms of RFC 9530 that are not deprecated, and their names in PHP. */
    private const DIGESTS = ['sha-256' => 'sha256', 'sha-512' => 'sha512'];
    /** A signature with any other parameter is refused: it could mean a restriction. */
    private const PARAMETERS = [
        'created' => 'integer', 'expires' => 'integer', 'keyid' => 'string', 'alg' => 'string', 'nonce' => 'string', 'tag' => 'string',
    ];
    private const SECONDS = '/\A(?:0|[1-9][0-9]{0,14})\z/';
    private const FIELD = '/\A[!#$%&\'*+.^_`|~0-9a-z-]++\z/';
    /** A signature base is ASCII, and a header value that is not would be read differently by servers in different languages. */
    private const PRINTABLE = '/\A[\t -~]*+\z/';
    /** Origin-form or absolute form. */
    private const TARGET = '~\A(?:/|[A-Za-z][A-Za-z0-9+.-]*+://)[!"$-\x7e]*+\z~';
    private const ORIGIN_FORM = '~\A/[!"$-\x7e]*+\z~';
    private const AUTHORITY = '~\A[A-Za-z][A-Za-z0-9+.-]*+://([^/?]*+)~';

    /**
     * @param array<string, string>|null $digests in base64, by algorithm; null: the signature does not cover the body
     * @param list<string> $names
     */
    private function __construct(
        Scheme $scheme,
        string $keyId,
        string $signature,
        int $created,
        ?int $expires,
        private readonly string $base,
        private readonly ?array $digests,
        private readonly array $names,
    ) {
        parent::__construct($scheme, $keyId, $signature, $created, $expires);
    }

    /**
     * Looks for the signature with our tag. Null when there is none, which is decided before anything else is checked.
     *
     * @param bool $alternative whether the request has an Authorization header that may be a signature instead
     */
    public static function find(string $method, string $target, Headers $headers, bool $alternative): self|Refusal|null
    {
        $text = $headers->get('signature-input');
        if ($text === null) {
            return null;
        }
        $inputs = self::dictionary($text);
        if ($inputs === null) {
            return $alternative ? null : new Refusal('malformed', 'Signature-Input is not a dictionary with each key once');
        }
        $tagged = array_filter($inputs, static fn (array $member): bool => ($member['parameters']['tag'] ?? null) === ['string', self::TAG]);
        if ($tagged === []) {
            return null;
        }
        if (\count($tagged) > 1) {
            return new Refusal('malformed', 'more than one signature has the tag ' . self::TAG);
        }
        $member = reset($tagged);
        if (!isset($member['items'])) {
            return new Refusal('malformed', 'a member of Signature-Input is an inner list');
        }
        $signature = self::signatureNamed((string) key($tagged), $headers);
        return \is_string($signature) ? self::read($method, $target, $headers, Text::utf16Length($text), $member, $signature) : $signature;
    }

    /**
     * The headers to set.
     *
     * @param string|null $body null when the signature is not to cover it
     *
     * @return array<string, string>
     *
     * @throws UnusableKeyError
     * @throws \InvalidArgumentException
     */
    public static function sign(LoadedKey $key, string $method, string $target, string $host, ?string $body, int $created): array
    {
        if (preg_match(self::ORIGIN_FORM, $target) !== 1) {
            throw new \InvalidArgumentException('a signed target starts with a slash and is ASCII: encode it');
        }
        $values = [];
        foreach (self::REQUIRED as $name) {
            $values[$name] = (string) self::derived($name, $method, $host, $target);
        }
        $digest = [];
        if ($body !== null) {
            $digest['content-digest'] = 'sha-256=:' . base64_encode(hash('sha256', $body, true)) . ':';
        }
        $values += $digest;
        $parameters = self::parameters(array_keys($values), [
            'created' => ['integer', (string) $created],
            'keyid' => ['string', $key->accessId],
            'alg' => ['string', $key->scheme->value],
            'nonce' => ['string', rtrim(strtr(base64_encode(random_bytes(16)), '+/', '-_'), '=')],
            'tag' => ['string', self::TAG],
        ]);
        $signature = ($key->sign)(self::base($values, $parameters));
        return ['signature-input' => self::LABEL . "=$parameters", 'signature' => self::LABEL . "=:$signature:"] + $digest;
    }

    public function bodySigned(): bool
    {
        return $this->digests !== null;
    }

    public function canonicalRequest(string $body): string
    {
        return $this->base;
    }

    public function stringToSign(string $body): string
    {
        return $this->base;
    }

    public function bodyMatches(string $body): bool
    {
        foreach ($this->digests ?? [] as $algorithm => $digest) {
            if (base64_encode(hash(self::DIGESTS[$algorithm], $body, true)) !== $digest) {
                return false;
            }
        }
        return true;
    }

    public function signedNames(): array
    {
        return $this->names;
    }

    /**
     * The value of a derived component; null for one that is not known here. The parts of the target count as sent, without any decoding. A port 80
     * or 443 is left out of the authority: neither side knows the scheme that the client used.
     */
    public static function derived(string $name, string $method, string $authority, string $target): ?string
    {
        return match ($name) {
            '@method' => $method,
            '@authority' => (string) preg_replace('/:(?:80|443)\z/', '', Text::lower($authority)),
            '@path' => Canonical::split($target)[0] ?: '/',
            '@query' => '?' . Canonical::split($target)[1],
            default => null,
        };
    }

    /**
     * The value of `@signature-params`: the member of Signature-Input.
     *
     * @param list<string> $components
     * @param array<string, BareItem> $parameters
     */
    public static function parameters(array $components, array $parameters): string
    {
        $text = '(' . implode(' ', array_map(StructuredFields::string(...), $components)) . ')';
        foreach ($parameters as $name => [$type, $value]) {
            $text .= ";$name=" . ($type === 'string' ? StructuredFields::string($value) : $value);
        }
        return $text;
    }

    /** @param array<string> $values by component */
    public static function base(array $values, string $parameters): string
    {
        $lines = '';
        foreach ($values as $component => $value) {
            $lines .= StructuredFields::string((string) $component) . ": $value\n";
        }
        return "$lines\"@signature-params\": $parameters";
    }

    /** @return array<string, array<string, mixed>>|null */
    private static function dictionary(string $text): ?array
    {
        return Text::utf16Length($text) > self::SIGNED_CHARS_MAX ? null : StructuredFields::dictionary(trim($text, " \t"));
    }

    private static function signatureNamed(string $label, Headers $headers): string|Refusal
    {
        $text = $headers->get('signature');
        if ($text === null) {
            return new Refusal('malformed', 'there is a Signature-Input header and no Signature header');
        }
        $signatures = self::dictionary($text);
        if ($signatures === null) {
            return new Refusal('malformed', 'Signature is not a dictionary with each key once');
        }
        $member = $signatures[$label] ?? null;
        if (!isset($member['bare']) || $member['bare'][0] !== 'bytes' || $member['parameters'] !== []) {
            return new Refusal('malformed', 'Signature has no byte sequence with the label of Signature-Input');
        }
        return $member['bare'][1];
    }

    /** @param InnerList $member */
    private static function read(
        string $method,
        string $target,
        Headers $headers,
        int $inputChars,
        array $member,
        string $signature,
    ): self|Refusal {
        if (!Text::isVisible($method)) {
            return new Refusal('malformed', 'a method is printable ASCII');
        }
        if (preg_match(self::TARGET, $target) !== 1) {
            return new Refusal('malformed', 'a target starts with a slash or a scheme, and is printable ASCII without # and spaces');
        }
        $refusal = self::refuseParameters($member['parameters']);
        if ($refusal !== null) {
            return $refusal;
        }
        $authority = trim($headers->get('host') ?? '', " \t");
        $values = self::values($member, $method, $target, $authority, $headers, $inputChars + \strlen($target));
        if ($values instanceof Refusal) {
            return $values;
        }
        if (preg_match(self::AUTHORITY, $target, $named) === 1 && Text::lower($named[1]) !== Text::lower($authority)) {
            return new Refusal('malformed', 'the target names another authority than Host');
        }
        $value = static fn (string $name): string => $member['parameters'][$name][1];
        $scheme = Scheme::ofMessage($value('alg'));
        if ($scheme === null) {
            return new Refusal('malformed', 'the signature names no algorithm that is known here');
        }
        $digests = null;
        if (isset($values['content-digest'])) {
            $digests = self::digests($values['content-digest']);
            if ($digests === null) {
                return new Refusal('malformed', 'Content-Digest has no digest of sha-256 or sha-512');
            }
        }
        $names = array_map('strval', array_keys($values));
        $base = self::base($values, self::parameters($names, $member['parameters']));
        $expires = isset($member['parameters']['expires']) ? (int) $value('expires') : null;
        return new self($scheme, $value('keyid'), $signature, (int) $value('created'), $expires, $base, $digests, $names);
    }

    /** @param array<string, BareItem> $parameters */
    private static function refuseParameters(array $parameters): ?Refusal
    {
        foreach ($parameters as $name => [$type, $value]) {
            if (!isset(self::PARAMETERS[$name])) {
                return new Refusal('malformed', 'the signature has an unknown parameter: ' . substr($name, 0, 64));
            }
            if (self::PARAMETERS[$name] !== $type || ($type === 'integer' && preg_match(self::SECONDS, $value) !== 1)) {
                return new Refusal('malformed', "the parameter $name of the signature has another type");
            }
        }
        $complete = isset($parameters['created'], $parameters['alg'], $parameters['keyid']) && $parameters['keyid'][1] !== '';
        return $complete ? null : new Refusal('malformed', 'a signature has created, keyid and alg');
    }

    /**
     * The covered components in order, by name.
     *
     * @param InnerList $member
     * @param int $chars length of what else is signed
     *
     * @return array<string>|Refusal
     */
    private static function values(array $member, string $method, string $target, string $authority, Headers $headers, int $chars): array|Refusal
    {
        if (\count($member['items']) > self::SIGNED_HEADERS_MAX) {
            return new Refusal('malformed', 'more than ' . self::SIGNED_HEADERS_MAX . ' components are signed');
        }
        $values = [];
        foreach ($member['items'] as ['bare' => [$type, $name], 'parameters' => $parameters]) {
            if ($type !== 'string' || $parameters !== []) {
                return new Refusal('malformed', 'a component is a string without parameters');
            }
            $printed = substr($name, 0, 64);
            if (isset($values[$name])) {
                return new Refusal('malformed', "a component is signed twice: $printed");
            }
            $isDerived = str_starts_with($name, '@');
            if (!$isDerived && preg_match(self::FIELD, $name) !== 1) {
                return new Refusal('malformed', "a component is no field name in lower case: $printed");
            }
            $value = $isDerived ? self::derived($name, $method, $authority, $target) : $headers->get($name);
            if ($value === null && $isDerived) {
                return new Refusal('malformed', "a component is not known here: $printed");
            }
            if ($value === null || ($name === '@authority' && $value === '')) {
                return new Refusal('missing_signed_header', "a signed component did not arrive: $printed");
            }
            $chars += Text::utf16Length($value);
            if ($chars > self::SIGNED_CHARS_MAX) {
                return new Refusal('malformed', 'more than ' . self::SIGNED_CHARS_MAX . ' characters are signed');
            }
            if (preg_match(self::PRINTABLE, $value) !== 1) {
                return new Refusal('malformed', "the value of a signed component is not printable ASCII: $printed");
            }
            $values[$name] = trim($value, " \t");
        }
        foreach (self::REQUIRED as $name) {
            if (!isset($values[$name])) {
                return new Refusal('missing_signed_header', "$name is not signed");
            }
        }
        return $values;
    }

    /**
     * Digests in base64, of the algorithms that are known here; null when there is none, or for other text (RFC 9530).
     *
     * @return array<string, string>|null
     */
    private static function digests(string $text): ?array
    {
        $digests = [];
        foreach (StructuredFields::dictionary($text) ?? [] as $name => $member) {
            if (!isset($member['bare']) || $member['bare'][0] !== 'bytes') {
                return null;
            }
            if (isset(self::DIGESTS[$name])) {
                $digests[$name] = $member['bare'][1];
            }
        }
        return $digests === [] ? null : $digests;
    }
}
