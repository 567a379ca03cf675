<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Signs and verifies webhooks in both dialects: `x-webhook` and `standard` (Standard Webhooks). */
final class Webhooks
{
    private const ID = '/\A[!-\-\/-~]++\z/';
    private const TIMESTAMP = '/\A[0-9]{1,12}\z/';
    /** Bounds the work per request; senders use two keys at most. */
    private const SIGNATURES_MAX = 16;

    /** Prefix of the three headers, and what separates signatures. */
    private const DIALECTS = ['x-webhook' => ['x-webhook', ','], 'standard' => ['webhook', ' ']];

    /** @var \Closure(): (int|float) */
    private readonly \Closure $now;

    /**
     * @param list<string> $secrets all that count. Each is parsed for a delivery whose headers are right
     * @param string $dialect the expected one, `x-webhook` or `standard`: a sender must not be able to choose the weaker one
     * @param (\Closure(): (int|float))|null $now seconds since the epoch
     */
    public function __construct(
        #[\SensitiveParameter] private readonly array $secrets,
        private readonly string $dialect,
        private readonly int|float $toleranceSeconds = 300,
        ?\Closure $now = null,
    ) {
        self::rulesOf($dialect);
        $this->now = $now ?? static fn (): float => microtime(true);
    }

    /** @return array<string, string> */
    public function __debugInfo(): array
    {
        return ['dialect' => $this->dialect];
    }

    /**
     * @param Headers|iterable<array-key, mixed> $headers a text, or a list of texts, by name. See Headers for pairs
     * @param mixed $body the bytes as received, never a parsed body
     *
     * @throws Refused
     * @throws UnusableKeyError when a secret does not have the dialect's format
     */
    public function verify(Headers|iterable $headers, mixed $body): VerifiedWebhook
    {
        $verdict = $this->judge($headers instanceof Headers ? $headers : Headers::of($headers), $body);
        return $verdict instanceof Refusal ? throw new Refused($verdict) : $verdict;
    }

    /**
     * The headers of one attempt.
     *
     * @param int $timestamp seconds since the epoch
     * @param list<string> $secrets one, or two while a key rotates: newest first
     *
     * @return array<string, string>
     *
     * @throws UnusableKeyError
     */
    public static function sign(string $id, int $timestamp, string $body, #[\SensitiveParameter] array $secrets, string $dialect): array
    {
        [$prefix, $separator] = self::rulesOf($dialect);
        if ($secrets === []) {
            throw new UnusableKeyError('a webhook is signed with at least one secret');
        }
        if (preg_match(self::ID, $id) !== 1 || $timestamp < 0) {
            throw new \InvalidArgumentException('a message has an id of visible ASCII without a full stop, and whole seconds');
        }
        $message = self::signedBytes($dialect, $id, (string) $timestamp, $body);
        $signatures = array_map(static fn (string $secret): string => WebhookKey::of($dialect, $secret)->sign($message), $secrets);
        return ["$prefix-id" => $id, "$prefix-timestamp" => (string) $timestamp, "$prefix-signature" => implode($separator, $signatures)];
    }

    private function judge(Headers $headers, mixed $body): VerifiedWebhook|Refusal
    {
        [$prefix, $separator] = self::rulesOf($this->dialect);
        $id = $headers->get("$prefix-id") ?? '';
        $timestamp = $headers->get("$prefix-timestamp") ?? '';
        $signature = $headers->get("$prefix-signature") ?? '';
        if ($signature === '') {
            return new Refusal('no_signature', "there is no $prefix-signature header");
        }
        if (preg_match(self::TIMESTAMP, $timestamp) !== 1) {
            return new Refusal('malformed', "$prefix-timestamp is whole seconds since the epoch");
        }
        if ($this->dialect === 'standard' && preg_match(self::ID, $id) !== 1) {
            return new Refusal('malformed', 'webhook-id is visible ASCII without a full stop');
        }
        if (!\is_string($body)) {
            return new Refusal('malformed', 'pass the raw body bytes (or null), not a parsed body');
        }
        // Not `>`, so that a clock that is no number refuses.
        if (!(abs(($this->now)() - (int) $timestamp) <= $this->toleranceSeconds)) {
            return new Refusal('skew', "$prefix-timestamp is too far from the clock here");
        }
        $message = self::signedBytes($this->dialect, $id, $timestamp, $body);
        $given = array_map(Text::trim(...), \array_slice(explode($separator, $signature, self::SIGNATURES_MAX + 1), 0, self::SIGNATURES_MAX));
        $keys = array_map(fn (string $secret): WebhookKey => WebhookKey::of($this->dialect, $secret), $this->secrets);
        foreach ($keys as $key) {
            foreach ($given as $each) {
                if ($key->matches($message, $each)) {
                    return new VerifiedWebhook((int) $timestamp, $this->dialect === 'standard' ? $id : null);
                }
            }
        }
        return new Refusal('signature_mismatch', 'signed with another secret, or changed on the way');
    }

    private static function signedBytes(string $dialect, string $id, string $timestamp, string $body): string
    {
        return ($dialect === 'standard' ? "$id." : '') . "$timestamp.$body";
    }

    /** @return array{string, string} */
    private static function rulesOf(string $dialect): array
    {
        return self::DIALECTS[$dialect] ?? throw new \InvalidArgumentException('the dialect of webhooks is x-webhook or standard');
    }
}
