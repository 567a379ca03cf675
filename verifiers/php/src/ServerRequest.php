<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * The request of a script, as PHP's server interface gives it.
 *
 * @internal
 */
final class ServerRequest
{
    public readonly string $method;
    /** As the client sent it. PATH_INFO and SCRIPT_NAME are decoded, and so cannot be verified. */
    public readonly string $target;
    private readonly string $length;

    /**
     * @param array<mixed> $server `$_SERVER`
     * @param array<mixed>|null $allHeaders what getallheaders() gives
     * @param bool $parsed whether `$_POST` or `$_FILES` has something
     * @param string $input the URL of the body
     */
    public function __construct(
        private readonly array $server,
        private readonly ?array $allHeaders,
        private readonly bool $parsed,
        private readonly string $input = 'php://input',
    ) {
        $this->method = $this->variable('REQUEST_METHOD');
        $this->target = $this->variable('REQUEST_URI');
        $this->length = $this->variable('CONTENT_LENGTH');
    }

    public static function current(): self
    {
        return new self($_SERVER, \function_exists('getallheaders') ? getallheaders() : null, $_POST !== [] || $_FILES !== []);
    }

    /** The body of a request that its headers refuse is not read. */
    public function verify(Verifier $verifier): Verified|Refusal
    {
        $begun = $verifier->begin($this->method, $this->target, Headers::fromServer($this->server, $this->allHeaders));
        if ($begun instanceof Refusal) {
            return $begun;
        }
        $refusal = $verifier->serverRewrites ? null : $this->refuseRewritten();
        if ($refusal !== null) {
            return $refusal;
        }
        $body = $this->read($verifier->limitBytes);
        return $body instanceof Refusal ? $body : $verifier->conclude($begun, $body);
    }

    /** Whether scripts read another path or query than the target has, which is what was signed. */
    private function refuseRewritten(): ?Refusal
    {
        [$path, $query] = Canonical::split($this->target);
        $rest = $this->variable('PATH_INFO');
        $decoded = rawurldecode($path);
        $same = $this->target !== '' && $this->variable('QUERY_STRING') === $query
            && ($rest === '' || $decoded === $rest || $decoded === $this->variable('SCRIPT_NAME') . $rest);
        return $same ? null : new Refusal('malformed', 'the application would read another path or query than the target has');
    }

    private function read(int $limitBytes): string|Refusal
    {
        $refusal = Body::refuseLength($this->length, $limitBytes);
        if ($refusal !== null) {
            return $refusal;
        }
        $consumes = Text::upper($this->method) === 'POST' && \ini_get('enable_post_data_reading') !== '0' && \ini_get('enable_post_data_reading') !== '';
        if ($consumes && Body::isMultipart($this->variable('CONTENT_TYPE'))) {
            return Body::consumedMultipart();
        }
        // Each opening of php://input begins at the first byte, whatever was read before.
        $body = @file_get_contents($this->input, false, null, 0, $limitBytes + 1);
        if ($body === false || ($body === '' && $this->parsed)) {
            return Body::readBefore();
        }
        return Body::refuseRead($body, $this->length, $limitBytes) ?? $body;
    }

    private function variable(string $name): string
    {
        $value = $this->server[$name] ?? '';
        return \is_string($value) ? $value : '';
    }
}
