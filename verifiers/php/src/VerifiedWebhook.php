<?php

declare(strict_types=1);

namespace Signet\Signing;

/** An accepted delivery. */
final class VerifiedWebhook
{
    /**
     * @param int $timestamp seconds since the epoch
     * @param string|null $id set only if the signature covers it, which it does in the dialect `standard`
     */
    public function __construct(public readonly int $timestamp, public readonly ?string $id = null)
    {
    }
}
