<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Why a signature does not match: the verifier's canonical request beside the signer's. Neither contains a secret. */
final class Explanation
{
    /**
     * @param string|null $part where they differ first: `method`, `uri`, `query`, `header host`, …, `signedHeaders` or `payload`, or a component; null when both are
     *     equal: then the secret differs
     * @param string|null $receivedLine of that part
     * @param string|null $signedLine of that part
     * @param int $column byte of the line where they differ first
     */
    private function __construct(
        public readonly string $canonicalRequest,
        public readonly string $signedCanonicalRequest,
        public readonly ?string $part = null,
        public readonly ?string $receivedLine = null,
        public readonly ?string $signedLine = null,
        public readonly int $column = 0,
    ) {
    }

    /** @internal */
    public static function of(string $received, string $signed): self
    {
        [$ours, $theirs] = [explode("\n", $received), explode("\n", $signed)];
        for ($line = 0; $line < max(\count($ours), \count($theirs)); ++$line) {
            [$a, $b] = [$ours[$line] ?? null, $theirs[$line] ?? null];
            if ($a !== $b) {
                // The bytes of `^` are zero where both are equal.
                return new self($received, $signed, self::partName($ours, $line), $a, $b, strspn((string) $a ^ (string) $b, "\0"));
            }
        }
        return new self($received, $signed);
    }

    /**
     * The component of a signature base; else of a canonical request: method, URI, query, one line per header, an empty line, signed headers, payload.
     *
     * @param list<string> $lines
     */
    private static function partName(array $lines, int $line): string
    {
        if (preg_match('/\A"([^"]*+)": /', $lines[$line] ?? '', $component) === 1) {
            return $component[1];
        }
        $header = explode(':', $lines[$line] ?? '', 2)[0];
        return match (true) {
            $line < 3 => ['method', 'uri', 'query'][$line],
            \count($lines) - $line === 2 => 'signedHeaders',
            \count($lines) - $line === 1 => 'payload',
            default => $header === '' ? 'number of lines' : "header $header",
        };
    }
}
