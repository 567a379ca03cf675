<?php

declare(strict_types=1);

namespace Signet\Signing;

/** The answer to a refused request: 401 `{code, hint}`; 413 for a body that is too long; 503 while keys or replay store are unavailable. */
final class Answer
{
    /** @param array<string, string> $headers */
    private function __construct(public readonly int $status, public readonly array $headers, public readonly string $body)
    {
    }

    public static function to(Refusal $refusal): self
    {
        $status = match ($refusal->code) {
            'too_large' => 413,
            'keys_unavailable', 'store_unavailable' => 503,
            default => 401,
        };
        $headers = ['content-type' => 'application/json', 'cache-control' => 'no-store'];
        if ($status === 401) {
            $headers['www-authenticate'] = Scheme::Hmac->value;
        }
        if ($status === 503) {
            $headers['retry-after'] = '1';
        }
        $body = json_encode(['code' => $refusal->code, 'hint' => $refusal->hint], JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR);
        return new self($status, $headers, $body);
    }
}
