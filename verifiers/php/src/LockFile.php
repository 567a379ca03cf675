<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * A lock that the kernel releases when its process ends, however it ends.
 *
 * @internal
 */
final class LockFile
{
    private const RETRY_MICROSECONDS = 5000;

    /**
     * @return bool false when others held the lock for longer: the closure did not run
     *
     * @throws \RuntimeException
     */
    public static function hold(string $path, float $waitSeconds, \Closure $run): bool
    {
        $file = @fopen($path, 'c');
        if ($file === false) {
            throw new \RuntimeException('the folder of the lock cannot be written to');
        }
        $end = hrtime(true) + (int) ($waitSeconds * 1e9);
        try {
            // flock() without LOCK_NB could wait for ever.
            while (!flock($file, LOCK_EX | LOCK_NB)) {
                if (hrtime(true) >= $end) {
                    return false;
                }
                usleep(self::RETRY_MICROSECONDS);
            }
            $run();
            return true;
        } finally {
            fclose($file);
        }
    }
}
