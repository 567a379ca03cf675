<?php

declare(strict_types=1);

namespace Signet\Signing;

/** An invalid key: wrong length, not an RSA key, halves that do not match. The message never contains the key. */
final class UnusableKeyError extends \InvalidArgumentException
{
}
