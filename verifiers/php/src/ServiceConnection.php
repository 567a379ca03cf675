<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * One request over a connection of its own, done by a deadline. Not by the http wrapper of PHP: many servers forbid it (`allow_url_fopen`), it waits
 * for each part of an answer anew, and it waits for a connection that the other side does not close.
 *
 * @internal
 */
final class ServiceConnection
{
    private const HEAD_BYTES_MAX = 65_536;
    private const BODY_BYTES_MAX = 64 * 1024 * 1024;
    private const PART_BYTES = 65_536;

    /** What has arrived and was not read. */
    private string $buffer = '';

    /**
     * @param resource $socket
     * @param int $end nanoseconds of hrtime()
     */
    private function __construct(private $socket, private readonly int $end)
    {
    }

    /**
     * @param string $address `tcp://host:port` or `ssl://host:port`
     * @param resource $context
     * @param string $request its head
     *
     * @throws Unanswered
     */
    public static function ask(string $address, $context, #[\SensitiveParameter] string $request, float $timeoutSeconds): ServiceAnswer
    {
        $end = hrtime(true) + (int) ($timeoutSeconds * 1e9);
        error_clear_last();
        $socket = @stream_socket_client($address, $code, $text, $timeoutSeconds, STREAM_CLIENT_CONNECT, $context);
        if ($socket === false) {
            // A certificate that is refused is named there only.
            throw new Unanswered('no connection to the service: ' . Text::printable($text ?: error_get_last()['message'] ?? 'no reason known', 300, ' '));
        }
        try {
            $connection = new self($socket, $end);
            $connection->arm();
            if (@fwrite($socket, $request) !== \strlen($request)) {
                throw new Unanswered('the service did not take the request');
            }
            return $connection->answer();
        } finally {
            fclose($socket);
        }
    }

    private function answer(): ServiceAnswer
    {
        do {
            [$status, $headers] = $this->head();
        } while ($status < 200);
        return new ServiceAnswer($status, $headers, $status === 204 || $status === 304 ? '' : $this->body($headers));
    }

    /** @return array{int, array<string, string>} */
    private function head(): array
    {
        $lines = [];
        for ($bytes = 0; ($line = $this->line()) !== ''; $lines[] = $line) {
            $bytes += \strlen($line);
            if ($bytes > self::HEAD_BYTES_MAX) {
                throw self::noHttp();
            }
        }
        if (preg_match('~\AHTTP/1\.[01] ([1-5][0-9]{2})(?: |\z)~', array_shift($lines) ?? '', $found) !== 1) {
            throw self::noHttp();
        }
        $headers = [];
        foreach ($lines as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $name = Text::lower($name);
            $headers[$name] = (isset($headers[$name]) ? "{$headers[$name]}, " : '') . trim($value, " \t");
        }
        return [(int) $found[1], $headers];
    }

    /** @param array<string, string> $headers */
    private function body(array $headers): string
    {
        $coding = Text::lower($headers['transfer-encoding'] ?? '');
        if ($coding !== '') {
            return $coding === 'chunked' ? $this->chunks() : throw self::noHttp();
        }
        if (isset($headers['content-length'])) {
            $length = $headers['content-length'];
            return preg_match('/\A[0-9]{1,12}\z/', $length) === 1 ? $this->bytes((int) $length) : throw self::noHttp();
        }
        for ($body = $this->take(); ($part = $this->receive()) !== ''; $body .= $part) {
            self::limit(\strlen($body) + \strlen($part));
        }
        return $body;
    }

    private function chunks(): string
    {
        $body = '';
        while (preg_match('/\A([0-9A-Fa-f]{1,8})[ \t]*(?:;|\z)/', $this->line(), $found) === 1) {
            $length = (int) hexdec($found[1]);
            if ($length === 0) {
                return $body;
            }
            self::limit(\strlen($body) + $length);
            $body .= $this->bytes($length);
            if ($this->line() !== '') {
                break;
            }
        }
        throw self::noHttp();
    }

    /** Up to a line break. */
    private function line(): string
    {
        while (($end = strpos($this->buffer, "\r\n")) === false) {
            $part = \strlen($this->buffer) > self::HEAD_BYTES_MAX ? '' : $this->receive();
            if ($part === '') {
                throw self::noHttp();
            }
            $this->buffer .= $part;
        }
        $line = substr($this->buffer, 0, $end);
        $this->buffer = substr($this->buffer, $end + 2);
        return $line;
    }

    private function bytes(int $length): string
    {
        self::limit($length);
        while (\strlen($this->buffer) < $length) {
            $part = $this->receive();
            if ($part === '') {
                throw new Unanswered('the answer ended early');
            }
            $this->buffer .= $part;
        }
        $bytes = substr($this->buffer, 0, $length);
        $this->buffer = substr($this->buffer, $length);
        return $bytes;
    }

    private function take(): string
    {
        [$taken, $this->buffer] = [$this->buffer, ''];
        return $taken;
    }

    /** The next part; '' at the end. */
    private function receive(): string
    {
        do {
            $this->arm();
            $part = (string) @fread($this->socket, self::PART_BYTES);
            if ($part === '' && stream_get_meta_data($this->socket)['timed_out']) {
                throw self::late();
            }
        } while ($part === '' && !feof($this->socket));
        return $part;
    }

    /** The next call may last as long as there is time for the answer. */
    private function arm(): void
    {
        $left = $this->end - hrtime(true);
        if ($left <= 0) {
            throw self::late();
        }
        stream_set_timeout($this->socket, intdiv($left, 1_000_000_000), intdiv($left % 1_000_000_000, 1000));
    }

    private static function limit(int $bytes): void
    {
        if ($bytes > self::BODY_BYTES_MAX) {
            throw new Unanswered('the answer is too long');
        }
    }

    private static function late(): Unanswered
    {
        return new Unanswered('the service did not answer in time');
    }

    private static function noHttp(): Unanswered
    {
        return new Unanswered('the answer is not one of HTTP/1.1');
    }
}
