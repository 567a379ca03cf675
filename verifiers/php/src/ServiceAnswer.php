<?php

declare(strict_types=1);

namespace Signet\Signing;

/** What the service answered. */
final class ServiceAnswer
{
    /** @param array<string, string> $headers by name in lower case */
    public function __construct(
        public readonly int $status,
        public readonly array $headers,
        #[\SensitiveParameter] public readonly string $body,
    ) {
    }

    /** @return array<string, mixed> without the keys */
    public function __debugInfo(): array
    {
        return ['status' => $this->status];
    }
}
