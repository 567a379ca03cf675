<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use GuzzleHttp\Psr7\HttpFactory;
use GuzzleHttp\Psr7\NoSeekStream;
use GuzzleHttp\Psr7\ServerRequest as Message;
use GuzzleHttp\Psr7\UploadedFile;
use GuzzleHttp\Psr7\Utils;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\RequestHandlerInterface;
use Signet\Signing\SignatureMiddleware;
use Signet\Signing\Verified;
use Signet\Signing\Verifier;

/** @param array<string, string> $more */
function message(mixed $body = 'body', array $more = [], string $target = TARGET, string $signed = 'body', array $params = []): ServerRequestInterface
{
    $headers = $more + signed($signed, null, $target) + ['content-length' => (string) \strlen($signed)];
    return new Message('POST', "http://backend.internal$target", array_filter($headers, static fn (string $value): bool => $value !== ''), Utils::streamFor($body), '1.1', $params);
}

/** @return array{string, ServerRequestInterface|null} the code or 'accepted', and what the handler got */
function passed(ServerRequestInterface $request, ?Verifier $verifier = null): array
{
    $handler = new class () implements RequestHandlerInterface {
        public ?ServerRequestInterface $got = null;

        public function handle(ServerRequestInterface $request): ResponseInterface
        {
            $this->got = $request;
            return (new HttpFactory())->createResponse(204);
        }
    };
    $verifier ??= new Verifier([key()], limitBytes: 10, now: clock(NOW));
    $response = (new SignatureMiddleware($verifier, new HttpFactory(), new HttpFactory()))->process($request, $handler);
    $code = $response->getStatusCode() === 204 ? 'accepted' : json_decode((string) $response->getBody(), true)['code'];
    return [$code, $handler->got];
}

function onceOnly(string $body): NoSeekStream
{
    return new NoSeekStream(Utils::streamFor($body));
}

test('the handler gets the verified body and the signature', static function (): void {
    foreach ([Utils::streamFor('body'), onceOnly('body')] as $stream) {
        [$code, $got] = passed(message($stream));
        same('accepted', $code);
        same('body', $got?->getBody()->getContents());
        $signature = $got?->getAttribute(SignatureMiddleware::SIGNATURE);
        same(true, $signature instanceof Verified && $signature->keyId === 'orders-gateway');
    }
});

test('a refused request gets 401, 413 or 503, and its handler nothing', static function (): void {
    same(['signature_mismatch', null], passed(message('baby')));
    same(['no_authorization', null], passed(message('body', ['authorization' => ''])));
    same(['too_large', null], passed(message('12345678901', [], TARGET, '12345678901')));
    same(['too_large', null], passed(message(onceOnly('12345678901'), ['content-length' => ''], TARGET, '12345678901')));
    same(['keys_unavailable', null], passed(message(), new Verifier(static fn () => throw new \RuntimeException(), now: clock(NOW), log: strlen(...))));
    $verifier = new Verifier([key()], limitBytes: 1, now: clock(NOW));
    $response = (new SignatureMiddleware($verifier, new HttpFactory(), new HttpFactory()))->process(message(), new class () implements RequestHandlerInterface {
        public function handle(ServerRequestInterface $request): ResponseInterface
        {
            throw new Failure('the handler was called');
        }
    });
    same([413, 'application/json', 'no-store'], [$response->getStatusCode(), $response->getHeaderLine('content-type'), $response->getHeaderLine('cache-control')]);
    same(['too_large' => 1], $verifier->counts());
});

test('the body of a request that its headers refuse is not read', static function (): void {
    $stream = onceOnly('body');
    same(['unknown_key', null], passed(message($stream), new Verifier([key('another')], now: clock(NOW))));
    same(0, $stream->tell());
});

test('a body that something has read before is rewound or refused', static function (): void {
    foreach ([1, 4] as $bytes) {
        $stream = Utils::streamFor('body');
        $stream->read($bytes);
        [$code, $got] = passed(message($stream));
        same(['accepted', 'body'], [$code, $got?->getBody()->getContents()]);
        $stream = onceOnly('body');
        $stream->read($bytes);
        same(['malformed', null], passed(message($stream)));
        same(['malformed', null], passed(message(onceOnly(substr('body', $bytes)))));
    }
    $stream = onceOnly('body');
    $stream->getContents();
    // A signature of the empty body must not cover what was read.
    same(['malformed', null], passed(message($stream, ['content-length' => ''], TARGET, '')));
    $detached = Utils::streamFor('body');
    $detached->detach();
    same(['malformed', null], passed(message($detached, ['content-length' => ''], TARGET, '')));
});

test('what was parsed before is that of the body, or the request is refused', static function (): void {
    $form = ['content-type' => 'application/x-www-form-urlencoded'];
    $request = message('a=1&b[]=2', $form, TARGET, 'a=1&b[]=2');
    same('accepted', passed($request->withParsedBody(['a' => '1', 'b' => ['2']]))[0]);
    same('malformed', passed($request->withParsedBody(['a' => '2', 'b' => ['2']]))[0]);
    same('malformed', passed($request->withParsedBody(['a' => 1, 'b' => ['2']]))[0]);
    same('malformed', passed(message('{"a":1}', [], TARGET, '{"a":1}')->withParsedBody(['a' => 1]))[0]);
    same('malformed', passed(message('', $form + ['content-length' => ''], TARGET, '')->withParsedBody(['a' => '1']))[0]);
    same('malformed', passed(message()->withUploadedFiles(['f' => new UploadedFile('x', 1, 0)]))[0]);
    same('malformed', passed(message('', ['content-type' => 'multipart/form-data; boundary=x', 'content-length' => ''], TARGET, ''))[0]);
});

test('the target is the one that the client sent, and the handler reads no other', static function (): void {
    same('malformed', passed(message(params: ['REQUEST_URI' => TARGET . '#x']))[0]);
    same('malformed', passed(message(params: ['REQUEST_URI' => '/v1/orders?b=2&a=2']))[0]);
    same('signature_mismatch', passed(message()->withUri(Utils::uriFor('http://backend.internal/v1/others?b=2&a=1')))[0]);
    same('malformed', passed(message(params: ['REQUEST_URI' => TARGET])->withUri(Utils::uriFor('http://backend.internal/v1/others?b=2&a=1')))[0]);
    $target = "/[a]'%2f/%e4%b8%ad?x=[1]&y=%zz";
    same('accepted', passed(message('body', [], $target, 'body', ['REQUEST_URI' => $target]))[0]);
    $lenient = new Verifier([key()], serverRewrites: true, now: clock(NOW));
    same('accepted', passed(message(params: ['REQUEST_URI' => TARGET])->withUri(Utils::uriFor('http://backend.internal/orders')), $lenient)[0]);
});

test('two Authorization headers are refused', static function (): void {
    same(['malformed', null], passed(message()->withAddedHeader('Authorization', signed()['authorization'])));
});

test('report-only mode passes everything on, whole, logs and counts it', static function (): void {
    $lines = [];
    $log = static function (string $line) use (&$lines): void {
        $lines[] = $line;
    };
    $verifier = new Verifier([key()], limitBytes: 10, reportOnly: true, now: clock(NOW), log: $log);
    $long = str_repeat('0123456789', 20_000);
    foreach ([Utils::streamFor($long), onceOnly($long)] as $stream) {
        [$code, $got] = passed(message($stream, ['content-length' => ''], TARGET, 'other'), $verifier);
        same(['accepted', $long, null], [$code, $got?->getBody()->getContents(), $got?->getAttribute(SignatureMiddleware::SIGNATURE)]);
    }
    same('accepted', passed(message('baby'), $verifier)[0]);
    same('accepted', passed(message(), $verifier)[0]);
    same(['too_large' => 2, 'signature_mismatch' => 1, 'accepted' => 1], $verifier->counts());
    // Of one code, a line a second. No query, and nothing that a terminal would obey.
    same(2, \count($lines));
    same('signet: would refuse "POST" "/v1/orders": too_large (the body is longer than 10 bytes)', $lines[0]);
    same('signature_mismatch', verdict(static fn () => $verifier->verify('POST', TARGET, signed(), 'baby')));
});
