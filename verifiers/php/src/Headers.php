<?php

declare(strict_types=1);

namespace Signet\Signing;

/** The headers of a request. A name that came several times, in whatever case, has all its values, joined, so that none is overlooked. */
final class Headers
{
    /** Field names of RFC 9110 §5.6.2. Only of these: a letter such as the Kelvin sign must not become a k. */
    private const FIELD_NAME = '/\A(?:[!#$%&\'*+.^_`|~0-9A-Za-z\-]++|:authority)\z/';

    /** @param array<string> $values by name, in lower case; a name of digits is an integer here */
    private function __construct(private readonly array $values, private readonly bool $underscoresAreHyphens = false)
    {
    }

    /** @param iterable<array-key, mixed> $map a text, or a list of texts, by name in any case. Anything else is no header */
    public static function of(iterable $map): self
    {
        $pairs = [];
        foreach ($map as $name => $values) {
            foreach (\is_array($values) ? $values : [$values] as $value) {
                $pairs[] = [(string) $name, $value];
            }
        }
        return self::fromPairs($pairs);
    }

    /** @param iterable<array{string, mixed}> $pairs name and value, in the order of the wire */
    public static function fromPairs(iterable $pairs): self
    {
        $found = [];
        foreach ($pairs as [$name, $value]) {
            if (\is_string($value) && preg_match(self::FIELD_NAME, $name) === 1) {
                self::add($found, Text::lower($name), $value);
            }
        }
        return new self($found);
    }

    /**
     * Headers as servers give them to PHP. In `$_SERVER`, `X-Foo` and `X_Foo` are one variable, of which the application may read either: so the
     * values of both count together, and a name with an underscore is not found.
     *
     * @param array<mixed> $server `$_SERVER`
     * @param array<mixed>|null $all what getallheaders() gives: some servers keep both names there
     */
    public static function fromServer(array $server, ?array $all = null): self
    {
        $found = [];
        foreach ($all ?? [] as $name => $value) {
            if (\is_string($value) && preg_match(self::FIELD_NAME, (string) $name) === 1) {
                self::add($found, Text::lower(strtr((string) $name, '_', '-')), $value);
            }
        }
        foreach ($server as $key => $value) {
            $key = (string) $key;
            $bare = $key === 'CONTENT_TYPE' || $key === 'CONTENT_LENGTH';
            if (!\is_string($value) || !($bare || str_starts_with($key, 'HTTP_'))) {
                continue;
            }
            $name = Text::lower(strtr($bare ? $key : substr($key, 5), '_', '-'));
            // These two are empty when they did not arrive.
            if (!isset($found[$name]) && !($bare && $value === '') && preg_match(self::FIELD_NAME, $name) === 1) {
                $found[$name] = $value;
            }
        }
        return new self($found, true);
    }

    /** The value of a header, by its name in lower case. */
    public function get(string $name): ?string
    {
        if ($this->underscoresAreHyphens && str_contains($name, '_')) {
            return null;
        }
        // HTTP/2 has the host in a pseudo-header.
        $value = $this->values[$name] ?? ($name === 'host' ? $this->values[':authority'] ?? null : null);
        return $value === null ? null : Text::ofWire($value);
    }

    /** @param array<string> $found */
    private static function add(array &$found, string $name, string $value): void
    {
        $found[$name] = isset($found[$name]) ? "{$found[$name]}, $value" : $value;
    }
}
