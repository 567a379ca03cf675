<?php

declare(strict_types=1);

namespace Signet\Signing;

/** An accepted request. */
final class Verified
{
    /**
     * @param string $keyId `id` of the key, or the id that the Authorization header names
     * @param bool $bodySigned false for UNSIGNED-PAYLOAD and for `basic`: the body may have been changed between gateway and backend
     * @param list<string> $signedHeaders in lower case, in the order of the Authorization header. Do not trust others
     */
    public function __construct(
        public readonly string $keyId,
        public readonly bool $bodySigned,
        public readonly array $signedHeaders,
    ) {
    }
}
