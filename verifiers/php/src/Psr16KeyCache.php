<?php

declare(strict_types=1);

namespace Signet\Signing;

use Psr\SimpleCache\CacheInterface;

/** A cache of PSR-16, with an entry for each machine: clocks of different machines are never compared. */
final class Psr16KeyCache implements KeyCache
{
    /**
     * @param string $lockDirectory a folder of this machine that all processes with this cache share
     * @param bool $consistent whether each process reads what another has written, at once and ever after: true for APCu and for one Redis, false
     *     with replicas, or with a layer in each process. With false, receipts list this verifier as `unknown`
     */
    public function __construct(
        private readonly CacheInterface $cache,
        private readonly string $lockDirectory,
        private readonly bool $consistent = false,
    ) {
    }

    public function read(string $name): ?string
    {
        $text = $this->cache->get(self::key($name));
        return \is_string($text) ? $text : null;
    }

    public function write(string $name, #[\SensitiveParameter] string $text): void
    {
        if (!$this->cache->set(self::key($name), $text)) {
            throw new \RuntimeException('the cache of the keys cannot be written to');
        }
    }

    public function delete(string $name): void
    {
        $this->cache->delete(self::key($name));
    }

    public function exclusively(string $name, float $waitSeconds, \Closure $run): bool
    {
        return LockFile::hold("$this->lockDirectory/signet-$name.lock", $waitSeconds, $run);
    }

    public function isConsistent(): bool
    {
        return $this->consistent;
    }

    /** At most 64 characters of those that every cache of PSR-16 takes. */
    private static function key(string $name): string
    {
        return 'signet.' . substr(hash('sha256', Clocks::bootId() . gethostname() . $name), 0, 48);
    }
}
