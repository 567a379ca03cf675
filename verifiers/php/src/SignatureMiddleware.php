<?php

declare(strict_types=1);

namespace Signet\Signing;

use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Message\StreamFactoryInterface;
use Psr\Http\Message\StreamInterface;
use Psr\Http\Server\MiddlewareInterface;
use Psr\Http\Server\RequestHandlerInterface;

/** PSR-15: passes verified requests on. Put it before everything that reads bodies or changes the URI. */
final class SignatureMiddleware implements MiddlewareInterface
{
    /** The attribute with the Verified of a request; null for a request that report-only mode let pass. */
    public const SIGNATURE = 'signet.signature';

    public function __construct(
        private readonly Verifier $verifier,
        private readonly ResponseFactoryInterface $responses,
        private readonly StreamFactoryInterface $streams,
    ) {
    }

    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        $target = self::targetOf($request);
        $passed = $request;
        $verdict = $this->verify($request, $target, $passed);
        if ($verdict instanceof Verified) {
            $this->verifier->countAccepted();
            return $handler->handle($passed->withAttribute(self::SIGNATURE, $verdict));
        }
        if ($this->verifier->letsPass($verdict, $request->getMethod(), $target)) {
            return $handler->handle($passed->withAttribute(self::SIGNATURE, null));
        }
        $answer = Answer::to($verdict);
        $response = $this->responses->createResponse($answer->status)->withBody($this->streams->createStream($answer->body));
        foreach ($answer->headers as $name => $value) {
            $response = $response->withHeader($name, $value);
        }
        return $response;
    }

    /**
     * The body of a request that its headers refuse is not read.
     *
     * @param ServerRequestInterface $passed becomes the request to pass on, whose body is whole
     */
    private function verify(ServerRequestInterface $request, string $target, ServerRequestInterface &$passed): Verified|Refusal
    {
        $begun = $this->verifier->begin($request->getMethod(), $target, Headers::of($request->getHeaders()));
        if ($begun instanceof Refusal) {
            return $begun;
        }
        if (!$this->verifier->serverRewrites && !self::readsTarget($request, $target)) {
            return new Refusal('malformed', 'the application would read another path or query than the target has');
        }
        $body = $this->read($request, $passed);
        return $body instanceof Refusal ? $body : $this->verifier->conclude($begun, $body);
    }

    /** As the client sent it, if the server tells it: a URI has lost a fragment, and spellings of characters. */
    private static function targetOf(ServerRequestInterface $request): string
    {
        $target = $request->getServerParams()['REQUEST_URI'] ?? '';
        return \is_string($target) && $target !== '' ? $target : $request->getRequestTarget();
    }

    private static function readsTarget(ServerRequestInterface $request, string $target): bool
    {
        [$path, $query] = Canonical::split($target);
        $uri = $request->getUri();
        return Canonical::uri($path) === Canonical::uri($uri->getPath()) && Canonical::query($query) === Canonical::query($uri->getQuery());
    }

    private function read(ServerRequestInterface $request, ServerRequestInterface &$passed): string|Refusal
    {
        $length = $request->getHeaderLine('content-length');
        $refusal = Body::refuseLength($length, $this->verifier->limitBytes);
        if ($refusal !== null) {
            return $refusal;
        }
        $stream = $request->getBody();
        try {
            if ($stream->isSeekable()) {
                $stream->rewind();
            } elseif ($stream->tell() !== 0) {
                return Body::readBefore();
            }
            $body = $this->readUpToLimit($stream);
            $passed = $this->withWhole($request, $body);
        } catch (\Throwable) { // what streams throw that are detached, closed, broken off, or cannot tell
            return new Refusal('malformed', 'the body could not be read to its end');
        }
        $type = $request->getHeaderLine('content-type');
        if ($body === '' && $length !== '0' && Body::isMultipart($type)) {
            return Body::consumedMultipart();
        }
        $refusal = Body::refuseRead($body, $length, $this->verifier->limitBytes);
        if ($refusal !== null) {
            return $refusal;
        }
        return self::wasParsed($request, $type, $body) ? Body::readBefore() : $body;
    }

    private function readUpToLimit(StreamInterface $stream): string
    {
        $body = '';
        while (!$stream->eof() && \strlen($body) <= $this->verifier->limitBytes) {
            $part = $stream->read(Body::CHUNK_BYTES);
            if ($part === '' && $stream->eof()) {
                break;
            }
            $body .= $part;
        }
        return $body;
    }

    /** Nothing but what was verified or, beyond the limit and in report-only mode, all of it. */
    private function withWhole(ServerRequestInterface $request, string $body): ServerRequestInterface
    {
        $given = $request->getBody();
        if (\strlen($body) <= $this->verifier->limitBytes) {
            $stream = $this->streams->createStream($body);
        } elseif ($given->isSeekable() || !$this->verifier->reportOnly) {
            $stream = $given;
        } else {
            $file = fopen('php://temp', 'w+b');
            if ($file === false) {
                throw new \RuntimeException('no temporary file');
            }
            fwrite($file, $body);
            while (!$given->eof()) {
                fwrite($file, $given->read(Body::CHUNK_BYTES));
            }
            $stream = $this->streams->createStreamFromResource($file);
        }
        if ($stream->isSeekable()) {
            $stream->rewind();
        }
        return $request->withBody($stream);
    }

    /** Whether the handler has something parsed that is not of the body: factories take `$_POST` and `$_FILES`, as PHP has parsed them. */
    private static function wasParsed(ServerRequestInterface $request, string $type, string $body): bool
    {
        $parsed = $request->getParsedBody();
        if ($request->getUploadedFiles() !== []) {
            return true;
        }
        if ($parsed === null || $parsed === []) {
            return false;
        }
        parse_str($body, $form);
        return $parsed !== $form || !str_starts_with(Text::lower($type), 'application/x-www-form-urlencoded');
    }
}
