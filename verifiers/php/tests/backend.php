<?php

declare(strict_types=1);

// A backend with the keys of a service, for tests in another language: php -S ADDRESS backend.php. With the argument `leave` it leaves the service.

use Signet\Signing\DirectoryKeyCache;
use Signet\Signing\ServiceKeys;
use Signet\Signing\Verifier;

use function Signet\Signing\admit;

require __DIR__ . '/autoload.php';

$env = static fn (string $name): string => (string) getenv($name);
$cache = new DirectoryKeyCache($env('KEY_CACHE'));
$keys = new ServiceKeys($env('SERVICE_URL'), $env('INSTANCE_ID'), 'orders-backend', $cache, $env('TOKEN'), refreshSeconds: 0.2);
$verifier = new Verifier($keys, reportOnly: $env('REPORT_ONLY') !== '');
if (($argv[1] ?? '') === 'leave') {
    $keys->leave();
    exit;
}
$signature = admit($verifier);
header('content-type: text/plain');
echo 'signed with ', $signature?->keyId, ': ', file_get_contents('php://input');
