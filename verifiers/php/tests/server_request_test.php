<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Signet\Signing\Headers;
use Signet\Signing\Key;
use Signet\Signing\ServerRequest;
use Signet\Signing\Verified;
use Signet\Signing\Verifier;

/** What a server sets for a signed request. @return array<string, string> */
function server(string $body = 'body', string $target = TARGET): array
{
    $server = ['REQUEST_METHOD' => 'POST', 'REQUEST_URI' => $target, 'QUERY_STRING' => explode('?', $target, 2)[1] ?? '', 'CONTENT_LENGTH' => (string) \strlen($body)];
    foreach (signed($body, null, $target) as $name => $value) {
        $server['HTTP_' . strtoupper(strtr($name, '-', '_'))] = $value;
    }
    return $server;
}

/** @param array<mixed>|null $all */
function judged(array $server, string $body = 'body', ?array $all = null, bool $parsed = false, ?Verifier $verifier = null): string
{
    $request = new ServerRequest($server, $all, $parsed, 'data://application/octet-stream;base64,' . base64_encode($body));
    $verdict = $request->verify($verifier ?? new Verifier([key()], now: clock(NOW), limitBytes: 10));
    return $verdict instanceof Verified ? 'accepted' : $verdict->code;
}

test('a request of the server variables is verified', static function (): void {
    same('accepted', judged(server()));
    same('signature_mismatch', judged(server(), 'baby'));
    same('no_authorization', judged(['HTTP_AUTHORIZATION' => ''] + server()));
});

test('a body that was read, ended early or is too long is refused', static function (): void {
    same('malformed', judged(server('body'), ''));
    same('malformed', judged(server('body'), 'bod'));
    same('malformed', judged(['CONTENT_LENGTH' => ''] + server(''), '', parsed: true));
    same('malformed', judged(['CONTENT_LENGTH' => '4, 4'] + server()));
    same('too_large', judged(server('12345678901'), '12345678901'));
    same('too_large', judged(['CONTENT_LENGTH' => ''] + server('12345678901'), '12345678901'));
    same('accepted', judged(server('1234567890'), '1234567890'));
});

test('a multipart body, which PHP has consumed, is refused with a hint', static function (): void {
    $multipart = ['CONTENT_TYPE' => 'Multipart/Form-Data; boundary=x'];
    $request = new ServerRequest($multipart + server(), null, false, 'data:,body');
    $verdict = $request->verify(new Verifier([key()], now: clock(NOW)));
    same(true, !$verdict instanceof Verified && str_contains($verdict->hint, 'enable_post_data_reading=Off'));
    same('malformed', judged(['CONTENT_LENGTH' => ''] + $multipart + server(''), ''));
    // PHP leaves that of another method alone.
    $server = $multipart + ['REQUEST_METHOD' => 'PUT'] + server();
    foreach (\Signet\Signing\Signer::sign('PUT', TARGET, HOST, 'body', key(), now: NOW) as $name => $value) {
        $server['HTTP_' . strtoupper(strtr($name, '-', '_'))] = $value;
    }
    same('accepted', judged($server));
});

test('the target is the one that the client sent, and the application reads no other', static function (): void {
    $target = '/a%2Fb/%41?x=1';
    same('accepted', judged(server('body', $target)));
    foreach (['/a/b/A', '/index.php/a/b/A', '/a%2Fb/%41', '/other'] as $path) {
        same($path === '/a/b/A' ? 'accepted' : 'malformed', judged(['PATH_INFO' => $path] + server('body', $target)), $path);
    }
    same('accepted', judged(['SCRIPT_NAME' => '/a', 'PATH_INFO' => '/b/A'] + server('body', $target)));
    same('malformed', judged(['QUERY_STRING' => 'x=2'] + server('body', $target)));
    same('malformed', judged(['REQUEST_URI' => ''] + server()));
    same('accepted', judged(['REQUEST_URI' => 'http://elsewhere' . TARGET] + server()));
    $lenient = new Verifier([key()], now: clock(NOW), serverRewrites: true);
    same('accepted', judged(['QUERY_STRING' => 'q=/a/b&x=1', 'PATH_INFO' => '/other'] + server('body', $target), verifier: $lenient));
    same('malformed', judged(['REQUEST_URI' => TARGET . '#x'] + server()));
});

test('a header with an underscore is not taken for the one with a hyphen', static function (): void {
    $covers = static fn (string $name): string => preg_replace('/SignedHeaders=[^,]*/', "SignedHeaders=$name;x-sdk-date", signed()['authorization']);
    same('missing_signed_header', judged(['HTTP_AUTHORIZATION' => $covers('x_foo'), 'HTTP_X_FOO' => 'a'] + server()));
    // php -S has the last of both in $_SERVER, and both in getallheaders().
    same('malformed', judged(server(), all: ['Authorization' => signed()['authorization'], 'Auth_orization' => 'x', 'authorization' => 'y']));
    $headers = Headers::fromServer(['HTTP_X_FOO' => 'b'], ['X-Foo' => 'a', 'X_Foo' => 'b', '1' => 'one']);
    same('a, b', $headers->get('x-foo'));
    same(null, $headers->get('x_foo'));
    same('one', $headers->get('1'));
});

test('content type and length have no prefix, and are absent when they are empty', static function (): void {
    $headers = Headers::fromServer(['CONTENT_TYPE' => 'text/plain', 'CONTENT_LENGTH' => '', 'HTTP_HOST' => 'h', 'HTTP_X_EMPTY' => '', 'PATH' => 'p']);
    same('text/plain', $headers->get('content-type'));
    same(null, $headers->get('content-length'));
    same('', $headers->get('x-empty'));
    same(null, $headers->get('path'));
});

test('Basic is refused with another password, and says that the body is not signed', static function (): void {
    $verifier = new Verifier([new Key('basic', 'user', 'pass:word')]);
    $request = ['HTTP_AUTHORIZATION' => 'Basic ' . base64_encode('user:pass:word')] + server();
    same('accepted', judged($request, verifier: $verifier));
    same('signature_mismatch', judged(['HTTP_AUTHORIZATION' => 'Basic ' . base64_encode('user:pass')] + $request, verifier: $verifier));
});
