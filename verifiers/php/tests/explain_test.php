<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Signet\Signing\Canonical;
use Signet\Signing\Explanation;

use function Signet\Signing\explain;

test('explain names the first difference', static function (): void {
    $signed = static function (string $target, string $host, string $body): string {
        return Canonical::request('POST', $target, "host:$host\nx-sdk-date:20260101T000000Z\n", 'host;x-sdk-date', hash('sha256', $body));
    };
    $explained = static fn (string $signed): Explanation => explain('POST', TARGET, signed(), 'body', $signed);
    same(null, $explained($signed(TARGET, HOST, 'body'))->part);
    foreach ([['uri', '/v1/order', HOST, 'body'], ['query', '/v1/orders?a=2', HOST, 'body'], ['header host', TARGET, 'backend.external', 'body'], ['payload', TARGET, HOST, 'baby']] as [$part, $target, $host, $body]) {
        same($part, $explained($signed($target, $host, $body))->part);
    }
    $found = $explained($signed(TARGET, 'backend.external', 'body'));
    same(['host:backend.internal', 'host:backend.external', 13], [$found->receivedLine, $found->signedLine, $found->column]);
    same('no_authorization', verdict(static fn () => explain('POST', TARGET, [], 'body', '')));
});
