<?php

declare(strict_types=1);

// Runs the package for tests in another language: one JSON object a line in, one a line out.

use Signet\Signing\Headers;
use Signet\Signing\Key;
use Signet\Signing\MemoryReplayStore;
use Signet\Signing\Refused;
use Signet\Signing\Signer;
use Signet\Signing\UnusableKeyError;
use Signet\Signing\Verified;
use Signet\Signing\Verifier;
use Signet\Signing\VerifiedWebhook;
use Signet\Signing\Webhooks;

require $argv[1] ?? __DIR__ . '/autoload.php';

// A warning of PHP is an error here.
set_error_handler(static fn (int $level, string $text, string $file, int $line) => throw new ErrorException($text, 0, $level, $file, $line));

$keyOf = static fn (array $key): Key => new Key(
    $key['signType'],
    $key['signKey'],
    $key['signSecret'] ?? null,
    $key['signAlgorithm'] ?? null,
    $key['id'] ?? null,
);

/** A vector of packages/vectors. */
$verify = static function (array $case) use ($keyOf): Verified|VerifiedWebhook {
    $now = static fn (): int => $case['now'];
    [$request, $options] = [$case['request'], $case['options']];
    if ($case['kind'] === 'webhook') {
        $webhooks = new Webhooks($case['keys'], $case['dialect'], $options['toleranceSeconds'], $now);
        return $webhooks->verify(Headers::fromPairs($request['headers']), base64_decode($request['body'], true));
    }
    $keys = array_map($keyOf, $case['keys']);
    $verifier = new Verifier(
        static fn (): array => $keys,
        skewSeconds: $options['skewSeconds'],
        allowUnsignedPayload: $options['allowUnsignedPayload'],
        signatureHeader: $options['signatureHeader'],
        replayStore: $case['before'] === [] ? null : new MemoryReplayStore(),
        now: $now,
    );
    foreach ([...$case['before'], $request] as $each) {
        $verified = $verifier->verify($each['method'], $each['target'], Headers::fromPairs($each['headers']), base64_decode($each['body'], true));
    }
    return $verified;
};

$answer = static function (array $case) use ($keyOf, $verify): array {
    $body = base64_decode($case['body'] ?? '', true);
    if (($case['do'] ?? '') === 'sign') {
        return Signer::sign($case['method'], $case['url'], $case['host'], $body, $keyOf($case['key']), $case['coverBody'], $case['now']);
    }
    if (($case['do'] ?? '') === 'sign_webhook') {
        return Webhooks::sign($case['id'], $case['timestamp'], $body, $case['secrets'], $case['dialect']);
    }
    try {
        return ['expected' => 'valid', 'code' => null, 'verified' => $verify($case)];
    } catch (Refused $refused) {
        return ['expected' => 'invalid', 'code' => $refused->refusal->code, 'hint' => $refused->refusal->hint];
    } catch (UnusableKeyError $error) {
        return ['expected' => 'invalid', 'code' => 'unusable_key'];
    }
};

while (($line = fgets(STDIN)) !== false) {
    echo json_encode($answer(json_decode($line, true, 64, JSON_THROW_ON_ERROR)), JSON_THROW_ON_ERROR), "\n";
}
