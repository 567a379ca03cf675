<?php

declare(strict_types=1);

namespace Signet\Signing;

/** A look-up throws it when keys cannot be used now. Its message is the hint of the refusal, so it holds no secret. */
final class KeysUnavailable extends \RuntimeException
{
}
