<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Why a request is refused: a code of docs/result-codes.md, and a text for logs, which never contains a secret. */
final class Refusal
{
    public function __construct(public readonly string $code, public readonly string $hint)
    {
    }
}
