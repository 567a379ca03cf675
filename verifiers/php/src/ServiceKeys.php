<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * The keys of a gateway, fetched from the service and shared by the processes of one machine through a cache. A request that finds them older than
 * `refreshSeconds` asks for newer ones before it is verified, while others go on with those that are there. Fails closed: without keys, with keys
 * above their maximum age, and after its credential has ended, every request is refused with `keys_unavailable`.
 *
 * Receipts list all processes with one cache as one, by `name` and processId(), with the newest revision whose keys the cache has shown to hold.
 */
final class ServiceKeys implements KeySource
{
    private const NAME = '/\A[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\z/';
    private const AGE_LEAST_SECONDS = 10;
    private const AGE_MOST_SECONDS = 30 * 86_400;
    private const RETRY_FIRST_SECONDS = 0.5;
    private const RETRY_LONGEST_SECONDS = 5.0;
    /** Keys may change again while an answer is on its way. */
    private const FETCHES_MAX = 3;
    private const NOT_YET = 'the keys have not arrived yet';
    private const ENDED = 'the control plane refuses to give keys to this verifier';
    private const TOO_OLD = 'the keys are too old, the control plane does not answer';

    /** Look-ups of verifiers in report-only mode that are under way. */
    private static int $reporting = 0;

    private readonly ServiceClient $client;
    /** @var \Closure(string): mixed */
    private readonly \Closure $log;
    /** @var \Closure(): array{float, float} */
    private readonly \Closure $clocks;
    private readonly string $place;
    private bool $claims = true;
    /** @var array{string, string, SharedKeys}|null text and token of what was read last, so that it is decrypted once */
    private ?array $last = null;

    /**
     * @param string $url `https://host[:port][/path]`
     * @param string $instanceId the gateway whose keys are accepted
     * @param string $name of this verifier in receipts: 1 to 64 letters, digits, dots, underscores, colons or hyphens
     * @param KeyCache $cache for the processes with the same keys
     * @param string|null $token of the role `verifier`; or $tokenFile, which is read each time, so that a renewed token needs no restart
     * @param int $maxAgeSeconds keys that the service has not confirmed for longer are not used; receipts rely on it. 10 s to 30 days
     * @param int|float $refreshSeconds a deleted key is refused after this time, at the latest, if the service answers
     * @param float $timeoutSeconds of one call, connection and answer together
     * @param string|null $caFile an authority of your own, in PEM
     * @param string|null $certificateFile a client certificate and its key, in PEM
     * @param bool $allowPlaintext permits plain HTTP to another host than this one, which shows the keys to the network
     * @param (\Closure(string): mixed)|null $log gets failures to fetch keys, without secrets; default: error_log()
     * @param (\Closure(string, string, array<string, string>): ServiceAnswer)|null $transport an HTTP client of your own: gets method, URL and
     *     headers. It has a time limit, and follows no redirect
     * @param (\Closure(): array{float, float})|null $clocks seconds of the wall clock and of the monotonic one
     *
     * @throws \InvalidArgumentException
     */
    public function __construct(
        string $url,
        private readonly string $instanceId,
        public readonly string $name,
        private readonly KeyCache $cache,
        #[\SensitiveParameter] private readonly ?string $token = null,
        private readonly ?string $tokenFile = null,
        private readonly int $maxAgeSeconds = 300,
        private readonly int|float $refreshSeconds = 5,
        private readonly float $timeoutSeconds = 2.0,
        ?string $caFile = null,
        ?string $certificateFile = null,
        bool $allowPlaintext = false,
        ?\Closure $log = null,
        ?\Closure $transport = null,
        ?\Closure $clocks = null,
    ) {
        if (preg_match(self::NAME, $name) !== 1) {
            throw new \InvalidArgumentException('name is 1 to 64 letters, digits, dots, underscores, colons or hyphens');
        }
        if (($token ?? '') === '' xor ($tokenFile ?? '') !== '') {
            throw new \InvalidArgumentException('pass token or tokenFile');
        }
        if ($maxAgeSeconds < self::AGE_LEAST_SECONDS || $maxAgeSeconds > self::AGE_MOST_SECONDS) {
            throw new \InvalidArgumentException('maxAgeSeconds is ' . self::AGE_LEAST_SECONDS . ' to ' . self::AGE_MOST_SECONDS);
        }
        if (!($refreshSeconds >= 0 && $refreshSeconds <= $maxAgeSeconds / 2)) {
            throw new \InvalidArgumentException('refreshSeconds is at most half of maxAgeSeconds');
        }
        if (!($timeoutSeconds > 0 && $timeoutSeconds <= 60)) {
            throw new \InvalidArgumentException('timeoutSeconds is at most 60');
        }
        $this->client = new ServiceClient($url, $instanceId, $allowPlaintext, $timeoutSeconds, $caFile, $certificateFile, $transport);
        $this->log = $log ?? static fn (string $line): bool => error_log($line);
        $this->clocks = $clocks ?? Clocks::now(...);
        $this->place = "{$this->client->url()} $name " . Clocks::bootId();
        $this->claims = $cache->isConsistent();
    }

    /** @return array<string, mixed> without the token */
    public function __debugInfo(): array
    {
        return ['url' => $this->client->url(), 'name' => $this->name];
    }

    public function keysFor(string $accessId, string $scheme): array
    {
        if (self::$reporting > 0) {
            $this->claims = false;
        }
        $shared = $this->current();
        if (!$this->isUsable($shared)) {
            throw new KeysUnavailable($shared?->keys === null ? $shared?->why ?: self::NOT_YET : self::TOO_OLD);
        }
        return $shared->keysFor($accessId, $scheme);
    }

    /**
     * For a verifier in report-only mode: receipts must not believe that it refuses. So the service is told the name only, and receipts list it as
     * `unknown`. Verifiers that do refuse have other keys in the same cache.
     */
    public function claimNothing(): void
    {
        $this->claims = false;
    }

    /** Whether requests can be verified now, for a readiness probe. Fetches keys if it is time. */
    public function ready(): bool
    {
        return $this->isUsable($this->currentOrNull());
    }

    /** The revision of the keys in use; null while there are none. */
    public function revision(): ?int
    {
        $shared = $this->currentOrNull();
        return $this->isUsable($shared) ? $shared->revision : null;
    }

    /** Time since the keys were last confirmed; null while there are none. */
    public function ageSeconds(): ?float
    {
        $shared = $this->currentOrNull();
        return $shared?->keys === null ? null : Clocks::between($shared->asOf, ($this->clocks)());
    }

    /** Identifies the processes with this cache in receipts; null before they have asked. */
    public function processId(): ?string
    {
        return $this->claims ? $this->currentOrNull()?->processId : null;
    }

    /** Fetches keys now, for example when a deployment ends, or each minute where requests are rare. @return whether there are keys */
    public function refresh(): bool
    {
        try {
            $this->whileNobodyElse($this->fetch(...));
            return $this->isUsable($this->read());
        } catch (KeysUnavailable) {
            return false;
        }
    }

    /** Drops the keys, and tells the service that the processes with this cache accept nothing any more. For a machine that is taken out of service. */
    public function leave(): void
    {
        $this->whileNobodyElse(function (): void {
            $left = $this->read();
            $this->cache->delete($this->entry());
            if ($left === null || !$this->claims) {
                return;
            }
            try {
                $this->client->call('DELETE', $this->token(), ['signet-verifier' => "$this->name/$left->processId"]);
            } catch (\Throwable $error) {
                ($this->log)('signet: the service was not told that this verifier stops: ' . self::reasonOf($error));
            }
        });
    }

    /** @internal Runs a look-up of a verifier in report-only mode, so that all keys behind it claim nothing, through whatever functions it goes. */
    public static function reporting(\Closure $lookUp): mixed
    {
        ++self::$reporting;
        try {
            return $lookUp();
        } finally {
            --self::$reporting;
        }
    }

    /** @throws KeysUnavailable */
    private function current(): ?SharedKeys
    {
        $this->token();
        $shared = $this->read();
        if (!$this->isDue($shared)) {
            return $shared;
        }
        try {
            $this->whileNobodyElse(function (): void {
                // Another process may have been faster.
                if ($this->isDue($this->read())) {
                    $this->fetch();
                }
            }, $this->isUsable($shared));
        } catch (\RuntimeException $error) {
            ($this->log)("signet: the keys could not be kept: {$error->getMessage()}");
        }
        return $this->read();
    }

    private function currentOrNull(): ?SharedKeys
    {
        try {
            return $this->current();
        } catch (KeysUnavailable) {
            return null;
        }
    }

    /** @param bool $usable whether there are keys to go on with if another process is fetching them */
    private function whileNobodyElse(\Closure $run, bool $usable = false): void
    {
        // Whoever fetches keys makes several calls at most.
        $this->cache->exclusively($this->entry(), $usable ? 0 : self::FETCHES_MAX * $this->timeoutSeconds + 1, $run);
    }

    /** Whoever claims something has keys that others do not use. */
    private function entry(): string
    {
        return 'keys-' . substr(hash('sha256', ($this->claims ? 'claims ' : '') . "$this->name {$this->client->url()}"), 0, 32);
    }

    /** @throws KeysUnavailable */
    private function read(): ?SharedKeys
    {
        $text = $this->cache->read($this->entry());
        if ($text === null) {
            return null;
        }
        $token = $this->token();
        if ($this->last === null || $this->last[0] !== $text || $this->last[1] !== $token) {
            $shared = SharedKeys::unsealed($text, $token, $this->place);
            $this->last = $shared === null ? null : [$text, $token, $shared];
        }
        return $this->last === null ? null : $this->last[2];
    }

    private function write(SharedKeys $shared): void
    {
        $there = $this->read();
        // Where two processes have fetched keys at a time, the older ones must not replace the newer. What is newer than now is of another start.
        if ($there !== null && $there->tried[1] > $shared->tried[1] && $there->tried[1] <= ($this->clocks)()[1]) {
            return;
        }
        $this->cache->write($this->entry(), $shared->sealed($this->token(), $this->place));
    }

    private function isUsable(?SharedKeys $shared): bool
    {
        return $shared?->keys !== null && Clocks::between($shared->asOf, ($this->clocks)()) <= $this->maxAgeSeconds;
    }

    private function isDue(?SharedKeys $shared): bool
    {
        return $shared === null || !(Clocks::between($shared->tried, ($this->clocks)()) < $shared->pauseSeconds);
    }

    /** Asks the service, with the lock held, and stores what comes of it. */
    private function fetch(): void
    {
        $held = $this->read();
        $processId = $held->processId ?? SharedKeys::processIdOf($this->cache->read($this->entry()) ?? '') ?? SharedKeys::newProcessId();
        for ($calls = 0; $calls < self::FETCHES_MAX; ++$calls) {
            // The answer is at least as recent as its request, so the age counts from there.
            $asOf = ($this->clocks)();
            try {
                $next = $this->fetched($held, $processId, $asOf);
            } catch (\Throwable $error) {
                $this->write($this->afterFailure($held, $processId, $asOf, $error));
                return;
            }
            $this->write($next);
            // Keys that are new are confirmed at once: that an answer was sent proves nothing to the service.
            if (!$this->claims || $next->keys === null || $next->etag === $held?->etag) {
                return;
            }
            $held = $next;
        }
    }

    /**
     * @param array{float, float} $asOf
     *
     * @throws \Throwable when the service does not answer with keys
     */
    private function fetched(?SharedKeys $held, string $processId, array $asOf): SharedKeys
    {
        $shown = $this->claims && $held?->keys !== null ? ['if-none-match' => $held->etag] : [];
        $claimed = ['signet-verifier' => "$this->name/$processId", 'signet-max-key-age' => (string) $this->maxAgeSeconds];
        $answer = $this->client->call('GET', $this->token(), ($this->claims ? $claimed : ['signet-verifier' => $this->name]) + $shown);
        if ($answer->status === 200) {
            return SharedKeys::ofAnswer($answer, $this->instanceId, $processId, $asOf, (float) $this->refreshSeconds, $this->log);
        }
        if ($answer->status === 304 && $shown !== []) {
            return $held->confirmed($answer->headers['etag'] ?? '', $asOf, (float) $this->refreshSeconds);
        }
        $pause = max(self::RETRY_FIRST_SECONDS, min(self::RETRY_LONGEST_SECONDS, (float) ($answer->headers['retry-after'] ?? 0)));
        // The token is no longer valid, may not read the keys, or its gateway does not exist: nothing says that the keys are still valid. Or this
        // process id has left; the next one is another.
        if (\in_array($answer->status, [401, 403, 404, 409], true)) {
            $failures = ($held->failures ?? 0) + 1;
            if ($failures === 1 || $held?->keys !== null) {
                ($this->log)("signet: the service answered $answer->status, so there are no keys");
            }
            $next = $answer->status === 409 ? SharedKeys::newProcessId() : $processId;
            return new SharedKeys($next, null, '', 0, $asOf, $asOf, $this->pauseAfter($failures, $pause), $failures, self::ENDED);
        }
        throw new Unanswered("the service answered $answer->status", (int) ceil($pause));
    }

    /** @param array{float, float} $tried */
    private function afterFailure(?SharedKeys $held, string $processId, array $tried, \Throwable $error): SharedKeys
    {
        $failures = ($held->failures ?? 0) + 1;
        if ($failures === 1) {
            ($this->log)('signet: the keys could not be fetched: ' . self::reasonOf($error));
        }
        $pause = $this->pauseAfter($failures, $error instanceof Unanswered ? $error->getCode() : 0);
        return new SharedKeys($processId, $held?->keys, $held->etag ?? '', $held->revision ?? 0, $held->asOf ?? $tried, $tried, $pause, $failures, $held->why ?? '');
    }

    /** Doubles with each failure, and is drawn from its upper half, so that machines which lost one service do not return together. */
    private function pauseAfter(int $failures, float $asked): float
    {
        $longest = min(self::RETRY_LONGEST_SECONDS, self::RETRY_FIRST_SECONDS * 2 ** min($failures - 1, 10));
        return max($asked, $longest * random_int(500, 1000) / 1000);
    }

    /** @throws KeysUnavailable */
    private function token(): string
    {
        $token = $this->token ?? trim((string) @file_get_contents((string) $this->tokenFile));
        return Text::isVisible($token) ? $token : throw new KeysUnavailable('the token of this verifier cannot be read');
    }

    /** Its text is known to have no secret for our own errors only. */
    private static function reasonOf(\Throwable $error): string
    {
        return $error instanceof Unanswered || $error instanceof KeysUnavailable ? $error->getMessage() : $error::class;
    }
}
