<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * What the cache has: the keys of one answer of the service, or why there are none, and how the last attempt to fetch them went.
 *
 * @internal
 */
final class SharedKeys
{
    private const FORM = 'signet1';
    private const PROCESS_ID = '/\A[A-Za-z0-9_-]{16}\z/';
    private const REVISION = '/\A(?:W\/)?"([0-9]{1,15})-/';

    /**
     * @param string $processId stands for all processes with this cache, in receipts
     * @param list<array{scheme: string, accessId: string, id: string, type: string, algorithm: ?string, key: string, secret: ?string}>|null $keys null: none
     * @param array{float, float} $asOf when the request was sent whose answer last confirmed the keys (Clocks)
     * @param array{float, float} $tried when the last attempt began
     * @param float $pauseSeconds until the next attempt
     * @param int $failures since keys were last confirmed
     * @param string $why there are no keys
     */
    public function __construct(
        public readonly string $processId,
        #[\SensitiveParameter] public readonly ?array $keys,
        public readonly string $etag,
        public readonly int $revision,
        public readonly array $asOf,
        public readonly array $tried,
        public readonly float $pauseSeconds,
        public readonly int $failures = 0,
        public readonly string $why = '',
    ) {
    }

    public static function newProcessId(): string
    {
        return strtr(base64_encode(random_bytes(12)), '+/', '-_');
    }

    /**
     * Reads an answer with keys (docs/distribution.md). A key that cannot be used is left out alone.
     *
     * @param array{float, float} $asOf
     * @param \Closure(string): mixed $log
     *
     * @throws Unanswered for an answer of another form, or with the keys of another gateway: a proxy or a cache on the way may have confused two
     */
    public static function ofAnswer(ServiceAnswer $answer, string $instanceId, string $processId, array $asOf, float $pauseSeconds, \Closure $log): self
    {
        $etag = $answer->headers['etag'] ?? '';
        $view = json_decode($answer->body, true, 16);
        $entries = \is_array($view) && ($view['instance_id'] ?? null) === $instanceId && \is_int($view['revision'] ?? null) ? $view['keys'] ?? null : null;
        if (!Text::isVisible($etag) || !\is_array($entries)) {
            throw new Unanswered('the answer does not have the keys of this gateway');
        }
        $keys = [];
        foreach ($entries as $entry) {
            foreach (self::materials($entry) as $key) {
                try {
                    $loaded = LoadedKey::of($key);
                } catch (UnusableKeyError $error) {
                    $log("signet: the key $key->id is not used: {$error->getMessage()}");
                    continue;
                }
                $keys[] = [
                    'scheme' => $loaded->scheme->value,
                    'accessId' => $loaded->accessId,
                    'id' => (string) $key->id,
                    'type' => $key->signType,
                    'algorithm' => $key->signAlgorithm,
                    'key' => $key->signKey,
                    // A verifier has no use for the private half of a pair.
                    'secret' => $loaded->scheme->isPair() ? null : $key->signSecret,
                ];
            }
        }
        return new self($processId, $keys, $etag, $view['revision'], $asOf, $asOf, $pauseSeconds);
    }

    /**
     * The same keys, confirmed.
     *
     * @param string $etag may name a newer revision
     * @param array{float, float} $asOf
     */
    public function confirmed(string $etag, array $asOf, float $pauseSeconds): self
    {
        $revision = preg_match(self::REVISION, $etag, $found) === 1 ? (int) $found[1] : $this->revision;
        return new self($this->processId, $this->keys, Text::isVisible($etag) ? $etag : $this->etag, $revision, $asOf, $asOf, $pauseSeconds);
    }

    /** @return list<Key> */
    public function keysFor(string $accessId, string $scheme): array
    {
        $found = [];
        foreach ($this->keys ?? [] as $key) {
            if ($key['accessId'] === $accessId && $key['scheme'] === $scheme) {
                $found[] = new Key($key['type'], $key['key'], $key['secret'], $key['algorithm'], $key['id']);
            }
        }
        return $found;
    }

    /**
     * @param string $place what this entry is for, and the start of the machine: nothing else can read it
     */
    public function sealed(#[\SensitiveParameter] string $token, string $place): string
    {
        $nonce = random_bytes(SODIUM_CRYPTO_AEAD_XCHACHA20POLY1305_IETF_NPUBBYTES);
        $head = self::FORM . " $this->processId ";
        $text = json_encode(get_object_vars($this), JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
        return $head . base64_encode($nonce . sodium_crypto_aead_xchacha20poly1305_ietf_encrypt($text, $head . $place, $nonce, self::secret($token)));
    }

    /** The process id of a text that this token does not open, such as after its renewal. */
    public static function processIdOf(string $text): ?string
    {
        $words = explode(' ', $text, 3);
        return $words[0] === self::FORM && preg_match(self::PROCESS_ID, $words[1] ?? '') === 1 ? $words[1] : null;
    }

    /** Null for a text of another token or place, or one that was changed. */
    public static function unsealed(string $text, #[\SensitiveParameter] string $token, string $place): ?self
    {
        $processId = self::processIdOf($text);
        if ($processId === null) {
            return null;
        }
        $head = self::FORM . " $processId ";
        $bytes = (string) base64_decode(substr($text, \strlen($head)), true);
        $nonce = substr($bytes, 0, SODIUM_CRYPTO_AEAD_XCHACHA20POLY1305_IETF_NPUBBYTES);
        if (\strlen($nonce) !== SODIUM_CRYPTO_AEAD_XCHACHA20POLY1305_IETF_NPUBBYTES) {
            return null;
        }
        $open = sodium_crypto_aead_xchacha20poly1305_ietf_decrypt(substr($bytes, \strlen($nonce)), $head . $place, $nonce, self::secret($token));
        // Authentic, so of the form that sealed() wrote.
        return $open === false ? null : new self(...json_decode($open, true, 16, JSON_THROW_ON_ERROR));
    }

    /** @return array<string, mixed> without the keys */
    public function __debugInfo(): array
    {
        return ['processId' => $this->processId, 'revision' => $this->revision];
    }

    /** The token is the one secret that all processes have and nobody else. */
    private static function secret(#[\SensitiveParameter] string $token): string
    {
        return hash_hkdf('sha256', $token, SODIUM_CRYPTO_AEAD_XCHACHA20POLY1305_IETF_KEYBYTES, 'signet verification keys in a cache');
    }

    /**
     * @return list<Key>
     *
     * @throws Unanswered
     */
    private static function materials(mixed $entry): array
    {
        $keys = [];
        $algorithm = $entry['sign_algorithm'] ?? null;
        $versions = $entry['versions'] ?? null;
        if (!\is_string($entry['sign_id'] ?? null) || !\is_string($entry['sign_type'] ?? null) || !\is_array($versions)) {
            throw new Unanswered('the answer does not have the keys of this gateway');
        }
        foreach ($versions as $version) {
            [$key, $secret] = [$version['sign_key'] ?? null, $version['sign_secret'] ?? null];
            if (!\is_string($key) || !($secret === null || \is_string($secret)) || !($algorithm === null || \is_string($algorithm))) {
                throw new Unanswered('the answer does not have the keys of this gateway');
            }
            $keys[] = new Key($entry['sign_type'], $key, $secret, $algorithm, $entry['sign_id']);
        }
        return $keys;
    }
}
