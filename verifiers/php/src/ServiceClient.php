<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * Calls `verification-keys` of one gateway. Follows no redirect: the token is for this service only.
 *
 * @internal
 */
final class ServiceClient
{
    /** @var \Closure(string, string, array<string, string>): ServiceAnswer */
    private readonly \Closure $transport;
    private readonly string $url;

    /** @param (\Closure(string, string, array<string, string>): ServiceAnswer)|null $transport gets method, URL and headers */
    public function __construct(
        string $url,
        string $instanceId,
        bool $allowPlaintext,
        float $timeoutSeconds,
        ?string $caFile,
        ?string $certificateFile,
        ?\Closure $transport,
    ) {
        $parts = parse_url($url);
        $scheme = Text::lower($parts['scheme'] ?? '');
        $host = Text::lower($parts['host'] ?? '');
        $others = array_diff_key($parts ?: [], ['scheme' => 0, 'host' => 0, 'port' => 0, 'path' => 0]);
        if (!\in_array($scheme, ['http', 'https'], true) || $host === '' || $others !== [] || !Text::isVisible($url)) {
            throw new \InvalidArgumentException('url is https://host[:port][/path]');
        }
        $loopback = $host === 'localhost' || $host === '[::1]' || preg_match('/\A127(?:\.[0-9]{1,3}){3}\z/', $host) === 1;
        if ($scheme === 'http' && !$allowPlaintext && !$loopback) {
            throw new \InvalidArgumentException('plain HTTP shows the keys to the network: use https, or allowPlaintext where you trust it');
        }
        if ($instanceId === '') {
            throw new \InvalidArgumentException('instanceId names a gateway');
        }
        $path = rtrim($parts['path'] ?? '', '/') . '/signet/v1/instances/' . rawurlencode($instanceId) . '/verification-keys';
        $port = isset($parts['port']) ? ":{$parts['port']}" : '';
        $this->url = "$scheme://$host$port$path";
        $this->transport = $transport ?? static function (string $method, string $url, array $headers) use (
            $scheme,
            $host,
            $port,
            $path,
            $timeoutSeconds,
            $caFile,
            $certificateFile,
        ): ServiceAnswer {
            $tls = ['peer_name' => trim($host, '[]')];
            $context = stream_context_create(['ssl' => $tls + array_filter(['cafile' => $caFile, 'local_cert' => $certificateFile])]);
            $lines = "$method $path HTTP/1.1\r\nHost: $host$port\r\nConnection: close\r\n";
            foreach ($headers as $name => $value) {
                $lines .= "$name: $value\r\n";
            }
            $address = ($scheme === 'https' ? 'ssl' : 'tcp') . "://$host" . ($port ?: ($scheme === 'https' ? ':443' : ':80'));
            return ServiceConnection::ask($address, $context, "$lines\r\n", $timeoutSeconds);
        };
    }

    public function url(): string
    {
        return $this->url;
    }

    /**
     * @param array<string, string> $headers
     *
     * @throws Unanswered and whatever another transport throws
     */
    public function call(string $method, #[\SensitiveParameter] string $token, array $headers): ServiceAnswer
    {
        return ($this->transport)($method, $this->url, ['authorization' => "Bearer $token", 'accept' => 'application/json'] + $headers);
    }
}
