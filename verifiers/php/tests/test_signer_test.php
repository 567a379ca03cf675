<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Signet\Signing\TestSigner;
use Signet\Signing\Verifier;

test('what a signer for tests signs is accepted by a backend with its key, and by no other', static function (): void {
    $signer = new TestSigner();
    $headers = $signer->headers('POST', TARGET, 'body', HOST, NOW);
    same(HOST, $headers['host']);
    $ask = static fn (TestSigner $known, string $body): string => verdict(
        static fn () => (new Verifier([$known->key], now: clock(NOW)))->verify('POST', TARGET, $headers, $body),
    );
    same(['accepted', 'signature_mismatch', 'unknown_key'], [$ask($signer, 'body'), $ask($signer, 'baby'), $ask(new TestSigner(), 'body')]);
    same('test-key', (new Verifier([$signer->key]))->verify('GET', '/', $signer->headers('GET', '/'), '')->keyId);
    same('orders-gateway', (new Verifier([key()]))->verify('GET', '/', (new TestSigner(key()))->headers('GET', '/'), '')->keyId);
});
