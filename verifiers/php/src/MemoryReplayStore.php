<?php

declare(strict_types=1);

namespace Signet\Signing;

/** For one process that lives for many requests. PHP-FPM forgets it with each request: see DirectoryReplayStore. */
final class MemoryReplayStore implements ReplayStore
{
    /** @var array<string, int|float> when each ends, by its hash */
    private array $seen = [];
    private int|float $sweepAt = 0;

    /** @param int $limit a store with so many entries refuses new requests instead of forgetting accepted ones */
    public function __construct(private readonly int $limit = 1_000_000)
    {
    }

    public function remember(string $id, int|float $expiresAt, int|float $now): bool
    {
        if ($now >= $this->sweepAt) {
            $this->seen = array_filter($this->seen, static fn (int|float $end): bool => $end >= $now);
            // Not on every call: a full store would be scanned for every request.
            $this->sweepAt = $now + (\count($this->seen) >= $this->limit ? 1 : 60);
        }
        $hash = hash('sha256', $id);
        if (isset($this->seen[$hash]) || \count($this->seen) >= $this->limit) {
            return false;
        }
        $this->seen[$hash] = $expiresAt;
        if (\count($this->seen) >= $this->limit) {
            $this->sweepAt = min($this->sweepAt, $now + 1);
        }
        return true;
    }
}
