<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * A time by two clocks, because the monotonic one may stop while the machine sleeps, and the wall clock can be set. All processes of a machine
 * have them in common.
 *
 * @internal
 */
final class Clocks
{
    /** @return array{float, float} seconds of the wall clock, and of the monotonic one */
    public static function now(): array
    {
        return [microtime(true), hrtime(true) / 1e9];
    }

    /**
     * The longer time by the two clocks.
     *
     * @param array{float, float} $then
     * @param array{float, float} $now
     */
    public static function between(array $then, array $now): float
    {
        // The machine was started in between, so nothing is known.
        return $now[1] < $then[1] ? INF : max($now[0] - $then[0], $now[1] - $then[1]);
    }

    /** Of the start of the machine, on Linux; elsewhere ''. */
    public static function bootId(): string
    {
        return trim((string) @file_get_contents('/proc/sys/kernel/random/boot_id'));
    }
}
