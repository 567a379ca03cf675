<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * The service did not answer with keys. The message has no secret.
 *
 * @internal
 */
final class Unanswered extends \RuntimeException
{
}
