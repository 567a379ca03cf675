<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Keys that change while they are used, such as ServiceKeys. */
interface KeySource
{
    /**
     * The keys with an id, for a scheme.
     *
     * @return iterable<Key>
     *
     * @throws KeysUnavailable
     */
    public function keysFor(string $accessId, string $scheme): iterable;

    /** Called by a verifier in report-only mode, which accepts everything: the source must not tell anybody that keys are refused. */
    public function claimNothing(): void;
}
