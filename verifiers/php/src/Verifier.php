<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Verifies requests with a fixed list of keys, with the keys of the service (ServiceKeys), or with a look-up of your own. */
final class Verifier
{
    public const DEFAULT_SKEW_SECONDS = 900;
    /** 12 MiB, the limit of gateways. */
    public const DEFAULT_LIMIT_BYTES = 12 * 1024 * 1024;
    /** Clients decide how many requests are refused, so a process logs a line for each code and this many seconds. */
    private const LOG_SECONDS = 1;

    /** @var \Closure(string, string): list<LoadedKey> */
    private readonly \Closure $find;
    private readonly bool $keysChange;
    /** @var \Closure(): (int|float) */
    private readonly \Closure $now;
    /** @var \Closure(string): mixed */
    private readonly \Closure $log;
    /** @var array<string, int> */
    private array $counts = [];
    /** @var array<string, int> nanoseconds of the monotonic clock */
    private array $loggedAt = [];

    /**
     * @param array<Key>|KeySource|\Closure(string, string): (iterable<Key>|Key|null) $keys a look-up gets access id and scheme
     * @param int|float $skewSeconds largest accepted distance between X-Sdk-Date, or `created`, and now, in either direction
     * @param string $signatureHeader the header with the gateway's signature (`backend_sign_header`)
     * @param ReplayStore|null $replayStore without one, a request can be repeated within the time window
     * @param int $limitBytes largest body that admit() and the middleware read
     * @param bool $reportOnly admit() and the middleware accept every request; they log and count what they would refuse. verify() refuses as ever
     * @param bool $serverRewrites admit() and the middleware accept a path or a query that your own web server has changed after it was signed
     * @param (\Closure(): (int|float))|null $now seconds since the epoch
     * @param (\Closure(string): mixed)|null $log gets lines for a log, without secrets; default: error_log()
     *
     * @throws UnusableKeyError when a key of a fixed list is invalid
     */
    public function __construct(
        #[\SensitiveParameter] array|\Closure|KeySource $keys,
        private readonly int|float $skewSeconds = self::DEFAULT_SKEW_SECONDS,
        private readonly bool $allowUnsignedPayload = false,
        private readonly string $signatureHeader = 'authorization',
        private readonly ?ReplayStore $replayStore = null,
        public readonly int $limitBytes = self::DEFAULT_LIMIT_BYTES,
        public readonly bool $reportOnly = false,
        public readonly bool $serverRewrites = false,
        ?\Closure $now = null,
        ?\Closure $log = null,
    ) {
        $this->now = $now ?? static fn (): float => microtime(true);
        $this->log = $log ?? static fn (string $line): bool => error_log($line);
        $this->keysChange = !\is_array($keys);
        if ($keys instanceof KeySource) {
            if ($reportOnly) {
                $keys->claimNothing();
            }
            $keys = $keys->keysFor(...);
        }
        $this->find = \is_array($keys) ? self::fixed($keys) : $this->lookUp($keys);
    }

    /**
     * @param string $target as received: path and query, undecoded, before a router removed a prefix
     * @param Headers|iterable<array-key, mixed> $headers a text, or a list of texts, by name. See Headers for pairs
     * @param mixed $body the bytes as received, never a parsed body; null when the request has none
     *
     * @throws Refused and nothing else: a look-up or a replay store that fails is `keys_unavailable` or `store_unavailable`
     */
    public function verify(string $method, string $target, Headers|iterable $headers, mixed $body): Verified
    {
        $begun = $this->begin($method, $target, $headers instanceof Headers ? $headers : Headers::of($headers));
        $verdict = $begun instanceof Refusal ? $begun : $this->conclude($begun, $body);
        return $verdict instanceof Refusal ? throw new Refused($verdict) : $verdict;
    }

    /**
     * The first of two steps: everything that headers show, unknown keys included. So no body of a stranger is read.
     *
     * @internal
     */
    public function begin(string $method, string $target, Headers $headers): SignedRequest|Refusal
    {
        $authorization = SignedRequest::parse($method, $target, $headers, $this->signatureHeader);
        if ($authorization instanceof Refusal) {
            return $authorization;
        }
        if ($authorization->scheme->coversRequest()) {
            $skew = $this->skew($authorization);
            if ($skew !== null) {
                return $skew;
            }
            if (!$authorization->bodySigned() && !$this->allowUnsignedPayload) {
                return new Refusal('body_unsigned', 'the signature does not cover the body');
            }
        }
        $found = $this->candidates($authorization);
        return $found instanceof Refusal ? $found : $authorization;
    }

    /** @internal The second step, with the body as it arrived. */
    public function conclude(SignedRequest $authorization, mixed $body): Verified|Refusal
    {
        if ($body !== null && !\is_string($body)) {
            return new Refusal('malformed', 'pass the raw body bytes (or null), not a parsed body');
        }
        $body ??= '';
        $found = $this->candidates($authorization);
        if ($found instanceof Refusal) {
            return $found;
        }
        $text = $authorization->stringToSign($body);
        $remembered = null;
        while (true) {
            $signer = null;
            foreach ($found as $key) {
                if (($key->verify)($text, $authorization->signature)) {
                    $signer = $key;
                    break;
                }
            }
            if ($signer === null) {
                return new Refusal('signature_mismatch', 'signed with another secret, or changed on the way: compare with explain()');
            }
            if (!$authorization->bodyMatches($body)) {
                $announced = $authorization->scheme->signsMessages() ? 'Content-Digest' : 'X-Sdk-Content-Sha256';
                return new Refusal('body_hash_mismatch', "the body is not the one that $announced announces");
            }
            if ($authorization->scheme->coversRequest()) {
                // What was signed, since the case of a hexadecimal signature varies. Requests of Basic all look alike.
                $what = $authorization->scheme->signsMessages() ? "{$authorization->scheme->value} " . hash('sha256', $text) : $text;
                $id = "{$signer->keyId()} $what";
                $refusal = $this->tooLateOrAgain($authorization, $id, $id === $remembered);
                if ($refusal !== null) {
                    return $refusal;
                }
                $remembered = $id;
            }
            if (!$this->keysChange) {
                break;
            }
            // The key may have been deleted while all this went on, and the service may have been told so. Nothing that takes time follows.
            $found = $this->candidates($authorization);
            if ($found instanceof Refusal) {
                return $found;
            }
            foreach ($found as $key) {
                if ($key->material->signsAs($signer->material)) {
                    break 2;
                }
            }
        }
        return new Verified($signer->keyId(), $authorization->bodySigned(), $authorization->signedNames());
    }

    /**
     * What admit() and the middleware decided so far in this process: `accepted`, and the codes of refusals; in report-only mode, what it
     * would have been.
     *
     * @return array<string, int>
     */
    public function counts(): array
    {
        return $this->counts;
    }

    /** @return array<string, mixed> without keys */
    public function __debugInfo(): array
    {
        return ['signatureHeader' => $this->signatureHeader, 'reportOnly' => $this->reportOnly, 'counts' => $this->counts];
    }

    /** @internal */
    public function countAccepted(): void
    {
        $this->count('accepted');
    }

    /** @internal Counts a refusal. True in report-only mode, which logs it without query and header values. */
    public function letsPass(Refusal $refusal, string $method, string $target): bool
    {
        $this->count($refusal->code);
        $now = hrtime(true);
        if ($this->reportOnly && $now - ($this->loggedAt[$refusal->code] ?? \PHP_INT_MIN / 2) >= self::LOG_SECONDS * 1e9) {
            $this->loggedAt[$refusal->code] = $now;
            [$method, $path] = [Text::printable($method, 20), Text::printable(explode('?', $target, 2)[0], 200)];
            ($this->log)("signet: would refuse \"$method\" \"$path\": $refusal->code ($refusal->hint)");
        }
        return $this->reportOnly;
    }

    private function count(string $outcome): void
    {
        $this->counts[$outcome] = ($this->counts[$outcome] ?? 0) + 1;
    }

    /**
     * Keys of another scheme are none: the header must not choose how a secret is used.
     *
     * @return non-empty-list<LoadedKey>|Refusal
     */
    private function candidates(SignedRequest $authorization): array|Refusal
    {
        try {
            $found = ($this->find)($authorization->accessId, $authorization->scheme->value);
        } catch (KeysUnavailable $error) {
            return new Refusal('keys_unavailable', $error->getMessage());
        } catch (\Throwable $error) {
            // Without its text, which may show what was looked up.
            ($this->log)('signet: the look-up of keys failed: ' . $error::class);
            return new Refusal('keys_unavailable', 'the keys could not be looked up');
        }
        $candidates = [];
        foreach ($found as $key) {
            if ($key->scheme === $authorization->scheme && $key->accessId === $authorization->accessId) {
                $candidates[] = $key;
            }
        }
        return $candidates === [] ? new Refusal('unknown_key', 'no key goes by this id here') : $candidates;
    }

    private function skew(SignedRequest $authorization): ?Refusal
    {
        $now = ($this->now)();
        $skew = abs($now - $authorization->signedAt);
        // Not `>`, so that a clock that is no number refuses.
        if (!($skew <= $this->skewSeconds)) {
            $date = $authorization->scheme->signsMessages() ? 'created' : 'X-Sdk-Date';
            return new Refusal('skew', sprintf('%s is %.0F s away from the clock here', $date, floor($skew + 0.5)));
        }
        return $authorization->expiresAt === null || $now <= $authorization->expiresAt
            ? null
            : new Refusal('skew', 'the signature has ended: expires is over');
    }

    /** A client decides how long its body takes, and a replay store forgets what is too old: so the time counts before and after it. */
    private function tooLateOrAgain(SignedRequest $authorization, string $id, bool $remembered): ?Refusal
    {
        $refusal = $this->skew($authorization);
        if ($refusal !== null || $this->replayStore === null || $remembered) {
            return $refusal;
        }
        try {
            $fresh = $this->replayStore->remember($id, $authorization->signedAt + $this->skewSeconds, ($this->now)());
        } catch (\Throwable $error) {
            ($this->log)('signet: the replay store failed: ' . $error::class);
            return new Refusal('store_unavailable', 'the replay store did not answer');
        }
        return $fresh ? $this->skew($authorization) : new Refusal('replayed', 'this very request was accepted before');
    }

    /**
     * @param array<Key> $keys
     *
     * @return \Closure(string, string): list<LoadedKey>
     */
    private static function fixed(#[\SensitiveParameter] array $keys): \Closure
    {
        $index = [];
        foreach ($keys as $key) {
            if (!$key instanceof Key) {
                throw new UnusableKeyError('keys is a list of Key');
            }
            $loaded = LoadedKey::of($key);
            $index[$loaded->accessId][] = $loaded;
        }
        return static fn (string $accessId, string $_): array => $index[$accessId] ?? [];
    }

    /**
     * @param \Closure(string, string): (iterable<Key>|Key|null) $keys
     *
     * @return \Closure(string, string): list<LoadedKey>
     */
    private function lookUp(\Closure $keys): \Closure
    {
        return function (string $accessId, string $scheme) use ($keys): array {
            // As a list, since a generator would look up later.
            $look = static function () use ($keys, $accessId, $scheme): array {
                $found = $keys($accessId, $scheme);
                return $found instanceof Key ? [$found] : [...$found ?? []];
            };
            $found = $this->reportOnly ? ServiceKeys::reporting($look) : $look();
            $loaded = [];
            foreach ($found as $key) {
                try {
                    $loaded[] = LoadedKey::of($key);
                } catch (UnusableKeyError) {
                    // It cannot have signed.
                }
            }
            return $loaded;
        };
    }
}
