<?php

declare(strict_types=1);

namespace Signet\Signing;

/** Signs requests as a gateway does, with keys made for a test, for example. */
final class Signer
{
    /**
     * The headers to set.
     *
     * @param string $target to be sent, path and query, encoded
     * @param string $host the Host header to be sent, with the port if there is one
     * @param int|null $now seconds since the epoch
     *
     * @return array<string, string>
     *
     * @throws UnusableKeyError when the key cannot sign
     * @throws \InvalidArgumentException when method or host is not visible ASCII, or the target has a `#`, a space or a control character
     */
    public static function sign(
        string $method,
        string $target,
        string $host,
        string $body,
        Key $key,
        bool $coverBody = true,
        ?int $now = null,
    ): array {
        $loaded = LoadedKey::of($key);
        $scheme = $loaded->scheme;
        if (!$scheme->coversRequest()) {
            return ['authorization' => $scheme->format($loaded->accessId, '', ($loaded->sign)(''))];
        }
        if (!Text::isVisible($method) || !Text::isVisible($host)) {
            throw new \InvalidArgumentException('method and host are visible ASCII without spaces');
        }
        if (!Canonical::isTarget($target)) {
            throw new \InvalidArgumentException('a request target has no #, space or control character: encode it');
        }
        if ($scheme->signsMessages()) {
            return MessageSignature::sign($loaded, $method, $target, $host, $coverBody ? $body : null, $now ?? time());
        }
        // A hash in this header would be trusted by verifiers that then do not hash the body, so it never holds one.
        $headers = ['host' => $host] + ($coverBody ? [] : ['x-sdk-content-sha256' => Canonical::UNSIGNED_PAYLOAD]);
        $headers['x-sdk-date'] = Authorization::formatDate($now ?? time());
        $names = implode(';', array_keys($headers));
        $lines = '';
        foreach ($headers as $name => $value) {
            $lines .= "$name:$value\n";
        }
        $payload = $coverBody ? hash('sha256', $body) : Canonical::UNSIGNED_PAYLOAD;
        $canonical = Canonical::request($method, Text::ofWire($target), $lines, $names, $payload);
        $signature = ($loaded->sign)(Canonical::stringToSign($scheme->value, $headers['x-sdk-date'], $canonical));
        unset($headers['host']);
        return ['authorization' => $scheme->format($loaded->accessId, $names, $signature)] + $headers;
    }
}
