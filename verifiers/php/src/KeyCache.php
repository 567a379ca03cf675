<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Where the processes of one machine share the keys of a service. ServiceKeys encrypts what it stores here. */
interface KeyCache
{
    public function read(string $name): ?string;

    /** Replaces the text as a whole. @throws \RuntimeException when it cannot */
    public function write(string $name, #[\SensitiveParameter] string $text): void;

    public function delete(string $name): void;

    /**
     * Runs a closure while no other process of this machine runs one with this name.
     *
     * @param float $waitSeconds how long to wait for the others
     *
     * @return bool false when the others took longer: it did not run
     *
     * @throws \RuntimeException when there is no lock here
     */
    public function exclusively(string $name, float $waitSeconds, \Closure $run): bool;

    /** Whether each process reads what another has written, at once and ever after. Without that, receipts are not told which keys are in use. */
    public function isConsistent(): bool;
}
