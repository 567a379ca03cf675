<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Signs as a gateway does, for tests of a backend that has no gateway, with a key that exists in one test run only. */
final class TestSigner
{
    /** Reported by the verifier for requests of a TestSigner. */
    public const KEY_ID = 'test-key';

    /** Give the backend under test this key, and nothing else. */
    public readonly Key $key;

    /** @param Key|null $key default: a new one of the type `hmac` */
    public function __construct(#[\SensitiveParameter] ?Key $key = null)
    {
        $this->key = $key ?? new Key('hmac', 'test-' . bin2hex(random_bytes(8)), bin2hex(random_bytes(32)), id: self::KEY_ID);
    }

    /**
     * The headers of a signed request, `host` included. To test a refusal, change the request after it was signed, or sign it with another signer or
     * another time.
     *
     * @param string $target to be sent: path and query, encoded
     * @param int|null $now seconds since the epoch
     *
     * @return array<string, string>
     */
    public function headers(string $method, string $target, string $body = '', string $host = 'localhost', ?int $now = null): array
    {
        return ['host' => $host] + Signer::sign($method, $target, $host, $body, $this->key, now: $now);
    }
}
