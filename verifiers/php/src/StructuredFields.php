<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * Dictionaries of structured fields (RFC 8941). A bare item is its type (`integer`, `decimal`, `string`, `token`, `bytes`, `boolean`) and its value: the
 * content of a string, the base64 of bytes, `true` or `false`; for other types the text as received.
 *
 * @phpstan-type BareItem array{string, string}
 * @phpstan-type Item array{bare: BareItem, parameters: array<string, BareItem>}
 * @phpstan-type InnerList array{items: list<Item>, parameters: array<string, BareItem>}
 *
 * @internal
 */
final class StructuredFields
{
    // None of them tries another way through a long text.
    private const KEY = '/[a-z*][a-z0-9_\-.*]*+/A';
    private const NUMBER = '/-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])/A';
    private const STRING = '/"((?:[ !#-\[\]-~]++|\\\\["\\\\])*+)"/A';
    private const TOKEN = '/[A-Za-z*][!#$%&\'*+\-.^_`|~0-9A-Za-z:\/]*+/A';
    private const BYTES = '/:([A-Za-z0-9+\/=]*+):/A';
    private const BOOLEAN = '/\?([01])/A';
    private const COMMA = '/[ \t]*+,[ \t]*+/A';
    private const SPACES = '/ *+/A';
    private const YES = ['boolean', 'true'];

    private int $at = 0;

    private function __construct(private readonly string $text)
    {
    }

    /**
     * Stricter than the RFC in two points, so that two parsers never read one text differently: a key is there once, in the dictionary and in
     * parameters, and base64 is canonical.
     *
     * @return array<string, Item|InnerList>|null null for any other text
     */
    public static function dictionary(string $text): ?array
    {
        $scanner = new self(trim($text, ' '));
        try {
            return $scanner->members();
        } catch (\UnexpectedValueException) {
            return null;
        }
    }

    /** @throws \InvalidArgumentException for other characters than printable ASCII */
    public static function string(string $text): string
    {
        if (preg_match('/\A[ -~]*+\z/', $text) !== 1) {
            throw new \InvalidArgumentException('a structured string is printable ASCII');
        }
        return '"' . addcslashes($text, '"\\') . '"';
    }

    /** @return array<string, Item|InnerList> */
    private function members(): array
    {
        $members = [];
        while ($this->at < \strlen($this->text)) {
            if ($members !== []) {
                $this->need(self::COMMA);
            }
            $key = $this->key($members);
            if (!$this->skip('=')) {
                $members[$key] = ['bare' => self::YES, 'parameters' => $this->parameters()];
            } else {
                $members[$key] = $this->next() === '(' ? $this->innerList() : $this->item();
            }
        }
        return $members;
    }

    /** @return InnerList */
    private function innerList(): array
    {
        $items = [];
        $this->skip('(');
        while (true) {
            $spaces = $this->need(self::SPACES)[0];
            if ($this->skip(')')) {
                return ['items' => $items, 'parameters' => $this->parameters()];
            }
            // Two items are separated by at least one space.
            if ($items !== [] && $spaces === '') {
                throw new \UnexpectedValueException();
            }
            $items[] = $this->item();
        }
    }

    /** @return Item */
    private function item(): array
    {
        return ['bare' => $this->bareItem(), 'parameters' => $this->parameters()];
    }

    /** @return array<string, BareItem> */
    private function parameters(): array
    {
        $parameters = [];
        while ($this->skip(';')) {
            $this->need(self::SPACES);
            $key = $this->key($parameters);
            $parameters[$key] = $this->skip('=') ? $this->bareItem() : self::YES;
        }
        return $parameters;
    }

    /** @return BareItem */
    private function bareItem(): array
    {
        $first = $this->next();
        if ($first === '"') {
            return ['string', strtr($this->need(self::STRING)[1], ['\\"' => '"', '\\\\' => '\\'])];
        }
        if ($first === ':') {
            $value = $this->need(self::BYTES)[1];
            return $value === '' || Text::canonicalBase64($value) !== null ? ['bytes', $value] : throw new \UnexpectedValueException();
        }
        if ($first === '?') {
            return ['boolean', $this->need(self::BOOLEAN)[1] === '1' ? 'true' : 'false'];
        }
        if ($first !== '' && str_contains('-0123456789', $first)) {
            $number = $this->need(self::NUMBER)[0];
            return [str_contains($number, '.') ? 'decimal' : 'integer', $number];
        }
        return ['token', $this->need(self::TOKEN)[0]];
    }

    /** @param array<string, mixed> $known */
    private function key(array $known): string
    {
        $key = $this->need(self::KEY)[0];
        return \array_key_exists($key, $known) ? throw new \UnexpectedValueException() : $key;
    }

    private function next(): string
    {
        return $this->text[$this->at] ?? '';
    }

    private function skip(string $char): bool
    {
        if ($this->next() !== $char) {
            return false;
        }
        ++$this->at;
        return true;
    }

    /**
     * Reads what the pattern matches here; without a match, the text as a whole is refused.
     *
     * @return list<string>
     */
    private function need(string $pattern): array
    {
        if (preg_match($pattern, $this->text, $found, 0, $this->at) !== 1) {
            throw new \UnexpectedValueException();
        }
        $this->at += \strlen($found[0]);
        return $found;
    }
}
