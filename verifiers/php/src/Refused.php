<?php

declare(strict_types=1);

namespace Signet\Signing;

/** A request is refused. Thrown and not returned, because every object of PHP is true in a condition. */
final class Refused extends \RuntimeException
{
    public function __construct(public readonly Refusal $refusal)
    {
        parent::__construct("$refusal->code: $refusal->hint");
    }
}
