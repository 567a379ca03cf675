<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Signet\Signing\Headers;
use Signet\Signing\Key;
use Signet\Signing\KeysUnavailable;
use Signet\Signing\LoadedKey;
use Signet\Signing\MemoryReplayStore;
use Signet\Signing\Refusal;
use Signet\Signing\ReplayStore;
use Signet\Signing\Signer;
use Signet\Signing\UnusableKeyError;
use Signet\Signing\Verifier;
use Signet\Signing\WebhookKey;

const NOW = 1_767_225_600;
const HOST = 'backend.internal';
const TARGET = '/v1/orders?b=2&a=1';

function key(string $id = 'orders-gateway', string $secret = 'Secret-0123456789'): Key
{
    return new Key('hmac', $id, $secret);
}

/** @return array<string, string> */
function signed(string $body = 'body', ?Key $key = null, string $target = TARGET, int $now = NOW): array
{
    return ['host' => HOST] + Signer::sign('POST', $target, HOST, $body, $key ?? key(), now: $now);
}

/** A clock that tells one time after another, the last one for ever. */
function clock(int|float ...$times): \Closure
{
    return static function () use (&$times): int|float {
        return \count($times) > 1 ? array_shift($times) : $times[0];
    };
}

test('a signed request is verified, and says what it covers', static function (): void {
    $verified = (new Verifier([key()], now: clock(NOW)))->verify('POST', TARGET, signed(), 'body');
    same('orders-gateway', $verified->keyId);
    same(true, $verified->bodySigned);
    same(['host', 'x-sdk-date'], $verified->signedHeaders);
});

test('a signature without the body counts where that is allowed, and says so', static function (): void {
    foreach ([key(), new Key('http-message-signatures', 'orders-gateway', base64_encode(str_repeat('s', 32)), 'hmac-sha256')] as $key) {
        $headers = ['host' => HOST] + Signer::sign('POST', TARGET, HOST, 'body', $key, coverBody: false, now: NOW);
        $ask = static fn (bool $allow) => (new Verifier([$key], allowUnsignedPayload: $allow, now: clock(NOW)))->verify('POST', TARGET, $headers, 'baby');
        same('body_unsigned', verdict(static fn () => $ask(false)));
        same(false, $ask(true)->bodySigned);
    }
});

test('the date counts again once the body has arrived, and once the replay store has answered', static function (): void {
    $store = new class () implements ReplayStore {
        public function remember(string $id, int|float $expiresAt, int|float $now): bool
        {
            return true;
        }
    };
    foreach ([[NOW, NOW + 901], [NOW, NOW, NOW, NOW + 901]] as $times) {
        $verifier = new Verifier([key()], replayStore: $store, now: clock(...$times));
        same('skew', verdict(static fn () => $verifier->verify('POST', TARGET, signed(), 'body')));
    }
    same('accepted', verdict(static fn () => (new Verifier([key()], now: clock(NOW, NOW + 900)))->verify('POST', TARGET, signed(), 'body')));
});

test('a key that ends while the body arrives, or while the replay store answers, is refused', static function (): void {
    foreach ([1, 2] as $times) {
        $asked = 0;
        $verifier = new Verifier(static function () use (&$asked, $times): ?Key {
            return ++$asked > $times ? null : key();
        }, replayStore: new MemoryReplayStore(), now: clock(NOW));
        same('unknown_key', verdict(static fn () => $verifier->verify('POST', TARGET, signed(), 'body')));
        same($times + 1, $asked);
    }
    $secrets = ['Secret-0123456789', 'Secret-0123456789', 'another secret'];
    $verifier = new Verifier(static function () use (&$secrets): Key {
        return key(secret: (string) array_shift($secrets));
    }, now: clock(NOW));
    same('signature_mismatch', verdict(static fn () => $verifier->verify('POST', TARGET, signed(), 'body')));
});

test('a clock that is no number refuses, and a far date is told without rounding', static function (): void {
    same('skew', verdict(static fn () => (new Verifier([key()], now: clock(NAN)))->verify('POST', TARGET, signed(), 'body')));
    same('skew', verdict(static fn () => (new Verifier([key()], skewSeconds: NAN, now: clock(NOW)))->verify('POST', TARGET, signed(), 'body')));
    $begun = (new Verifier([key()], now: clock(253_402_300_799.4)))->begin('POST', TARGET, Headers::of(['x-sdk-date' => '01000101T000000Z'] + signed()));
    same('X-Sdk-Date is 312413759999 s away from the clock here', $begun instanceof Refusal ? $begun->hint : '');
});

test('two keys with one id are both accepted, a key of digits is a key, and another type of key is none', static function (): void {
    $verifier = new Verifier([key('123'), key('123', 'next secret'), new Key('basic', '0123', 'a')], now: clock(NOW));
    foreach ([key('123'), key('123', 'next secret')] as $key) {
        same('123', $verifier->verify('POST', TARGET, signed('body', $key), 'body')->keyId);
    }
    same('unknown_key', verdict(static fn () => $verifier->verify('POST', TARGET, signed('body', key('0123', 'a')), 'body')));
    // These two are equal as numbers.
    same('unknown_key', verdict(static fn () => $verifier->verify('POST', TARGET, signed('body', key('123.0')), 'body')));
    same('unknown_key', verdict(static fn () => $verifier->verify('POST', TARGET, signed('body', key('0x7B')), 'body')));
});

test('secrets, signatures and hashes that are equal as numbers are not equal', static function (): void {
    $verifier = new Verifier([new Key('basic', 'user', '0e1234'), key()], now: clock(NOW));
    $basic = static fn (string $password): string => 'Basic ' . base64_encode("user:$password");
    same('accepted', verdict(static fn () => $verifier->verify('GET', '/', ['authorization' => $basic('0e1234')], null)));
    foreach (['0e5678', '0', '0.0', ' 0e1234', '0E1234'] as $password) {
        same('signature_mismatch', verdict(static fn () => $verifier->verify('GET', '/', ['authorization' => $basic($password)], null)));
    }
    $headers = signed();
    $headers['authorization'] = preg_replace('/Signature=.*/', 'Signature=00', $headers['authorization']);
    same('signature_mismatch', verdict(static fn () => $verifier->verify('POST', TARGET, $headers, 'body')));
});

test('a query is sorted as bytes, not as numbers', static function (): void {
    $canonical = \Signet\Signing\Canonical::query('10=a&9=b&1e1=c&9=a&09=d');
    same('09=d&10=a&1e1=c&9=a&9=b', $canonical);
});

test('a request counts once, whatever the case of its signature', static function (): void {
    $verifier = new Verifier([key()], replayStore: new MemoryReplayStore(), now: clock(NOW));
    same('accepted', verdict(static fn () => $verifier->verify('POST', TARGET, signed(), 'body')));
    $headers = signed();
    $headers['authorization'] = preg_replace_callback('/(?<=Signature=).*/', static fn (array $found): string => strtoupper($found[0]), $headers['authorization']);
    same('replayed', verdict(static fn () => $verifier->verify('POST', TARGET, $headers, 'body')));
});

test('a full store refuses, and forgets what has expired', static function (): void {
    $store = new MemoryReplayStore(1);
    same(true, $store->remember('0', 100, 50));
    same(false, $store->remember('1', 100, 50));
    same(false, $store->remember('0', 100, 60));
    same(true, $store->remember('1', 200, 150));
});

test('a look-up or a store that fails refuses, and its text is told to nobody', static function (): void {
    $lines = [];
    $log = static function (string $line) use (&$lines): void {
        $lines[] = $line;
    };
    $fails = static fn () => throw new \RuntimeException('secret');
    same('keys_unavailable', verdict(static fn () => (new Verifier($fails, now: clock(NOW), log: $log))->verify('POST', TARGET, signed(), 'body')));
    same(['signet: the look-up of keys failed: RuntimeException'], $lines);
    $unavailable = new Verifier(static fn () => throw new KeysUnavailable('later'), now: clock(NOW));
    $begun = $unavailable->begin('POST', TARGET, Headers::of(signed()));
    same('later', $begun instanceof Refusal ? $begun->hint : '');
    $store = new class () implements ReplayStore {
        public function remember(string $id, int|float $expiresAt, int|float $now): bool
        {
            throw new \RuntimeException('secret');
        }
    };
    $verifier = new Verifier([key()], replayStore: $store, now: clock(NOW), log: $log);
    same('store_unavailable', verdict(static fn () => $verifier->verify('POST', TARGET, signed(), 'body')));
    same('signet: the replay store failed: RuntimeException', $lines[1]);
});

test('a parsed body is malformed', static function (): void {
    $verifier = new Verifier([key()], now: clock(NOW));
    foreach ([['n' => 1], 1, true, new \stdClass()] as $body) {
        same('malformed', verdict(static fn () => $verifier->verify('POST', TARGET, signed(), $body)));
    }
});

test('a name in another case or repeated counts with all its values, and a number is a name', static function (): void {
    $authorization = signed()['authorization'];
    $verifier = new Verifier([key()], now: clock(NOW));
    $with = static fn (array $more) => static fn () => $verifier->verify('POST', TARGET, $more + signed(), 'body');
    same('malformed', verdict($with(['Authorization' => $authorization])));
    same('malformed', verdict($with(['authorization' => [$authorization, $authorization]])));
    same('accepted', verdict($with(['authorization' => [$authorization], '123' => ['x-sdk-date', '20300101T000000Z']])));
    $pairs = Headers::fromPairs([['X-Sdk-Date', 'a'], ['x-sdk-datE', 'b'], ["X-Sd\u{212a}-Date", 'c'], ["x-sdk-date\n", 'd']]);
    same('a, b', $pairs->get('x-sdk-date'));
});

test('a target with # or a control character is malformed, and is not signed', static function (): void {
    $verifier = new Verifier([key()], now: clock(NOW));
    foreach (["\0", "\t", "\n", ' ', '#', "\x7f"] as $character) {
        same('malformed', verdict(static fn () => $verifier->verify('POST', TARGET . $character, signed(), 'body')));
        thrown(\InvalidArgumentException::class, static fn () => signed('body', null, "/$character"));
    }
});

test('an invalid key of a fixed list is told at once', static function (): void {
    foreach ([['hmac', 'a', ''], ['basic', 'a', null], ['aes', 'k', 's'], ['none', 'a', 'b'], ['public_key', 'AAAA', null], ['aes-128-cfb', 'a', 'b']] as [$type, $key, $secret]) {
        $message = thrown(UnusableKeyError::class, static fn () => new Verifier([new Key($type, $key, $secret)]));
        same(false, str_contains($message, 'AAAA'));
    }
});

test('dumps, JSON and serialization of a key do not show it', static function (): void {
    ob_start();
    var_dump(key());
    print_r(key());
    echo json_encode([key()]);
    foreach ([key(), new Key('basic', 'orders-gateway', 'Secret-0123456789')] as $key) {
        $verifier = new Verifier([$key]);
        print_r([$verifier, LoadedKey::of($key), $verifier->begin('POST', TARGET, Headers::of(signed('body', $key)))]);
        var_dump(new Verifier(static fn (): Key => $key));
    }
    print_r(WebhookKey::of('x-webhook', 'Secret-0123456789'));
    $shown = (string) ob_get_clean();
    same(false, str_contains($shown, 'Secret-0123456789'));
    thrown(\LogicException::class, static fn () => serialize(key()));
});

test('the locale changes nothing', static function (): void {
    $before = setlocale(LC_ALL, '0');
    setlocale(LC_ALL, 'tr_TR.UTF-8', 'tr_TR', 'de_DE.ISO-8859-1', 'C.UTF-8');
    ini_set('precision', '3');
    try {
        $headers = signed('body', null, "/I\xcc\x87i\xe9?x=1,5");
        same('accepted', verdict(static fn () => (new Verifier([key()], now: clock(NOW + 0.5)))->verify('POST', "/I\xcc\x87i\xe9?x=1,5", $headers, 'body')));
    } finally {
        ini_set('precision', '14');
        setlocale(LC_ALL, (string) $before);
    }
});

test('what a client repeats thousands of times takes no long time', static function (): void {
    $verifier = new Verifier([key()], now: clock(NOW));
    $used = static fn (): int => getrusage()['ru_utime.tv_sec'] + getrusage()['ru_stime.tv_sec'];
    $began = $used();
    $long = str_repeat("\u{3000}", 20_000);
    $headers = ['authorization' => $long . signed()['authorization'] . $long, 'x-sdk-date' => $long] + signed();
    same('malformed', verdict(static fn () => $verifier->verify('POST', TARGET, $headers, 'body')));
    $many = 'SDK-HMAC-SHA256 Access=a, SignedHeaders=' . str_repeat('a;', 30_000) . 'x-sdk-date, Signature=' . str_repeat('00', 30_000);
    same('malformed', verdict(static fn () => $verifier->verify('POST', TARGET, ['authorization' => $many] + signed(), 'body')));
    same('malformed', verdict(static fn () => $verifier->verify('POST', TARGET, ['authorization' => 'Basic ' . str_repeat('=', 60_000)], 'body')));
    // Processor time: a busy machine changes nothing.
    same(true, $used() - $began < 4);
});
