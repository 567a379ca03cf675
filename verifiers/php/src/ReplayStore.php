<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Stores accepted requests, so that each is accepted once. */
interface ReplayStore
{
    /**
     * Stores an id atomically and answers whether it is new: of two calls with the same id, one answers true. A store that cannot tell throws.
     *
     * @param int|float $expiresAt seconds since the epoch: after it, the signature is refused as too old
     * @param int|float $now seconds since the epoch
     */
    public function remember(string $id, int|float $expiresAt, int|float $now): bool;
}
