<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Signet\Signing\UnusableKeyError;
use Signet\Signing\Webhooks;

const SHARED = 'whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY';

function privateWebhookKey(): string
{
    return 'whsk_' . base64_encode(str_repeat('0123', 8));
}

function publicWebhookKey(): string
{
    return 'whpk_' . base64_encode(sodium_crypto_sign_publickey(sodium_crypto_sign_seed_keypair(str_repeat('0123', 8))));
}

test('deliveries are verified in both dialects, with secrets and Ed25519', static function (): void {
    foreach ([['x-webhook', SHARED, SHARED], ['standard', SHARED, SHARED], ['standard', privateWebhookKey(), publicWebhookKey()]] as [$dialect, $signs, $verifies]) {
        $headers = Webhooks::sign('msg_1', NOW, 'body', [$signs], $dialect);
        $webhooks = new Webhooks(['whsec_AAAA', $verifies], $dialect, now: clock(NOW));
        $verified = $webhooks->verify($headers, 'body');
        same([$dialect === 'standard' ? 'msg_1' : null, NOW], [$verified->id, $verified->timestamp]);
        same('signature_mismatch', verdict(static fn () => $webhooks->verify($headers, 'baby')));
        same('malformed', verdict(static fn () => $webhooks->verify($headers, null)));
        same('malformed', verdict(static fn () => $webhooks->verify($headers, ['n' => 1])));
        same('skew', verdict(static fn () => (new Webhooks([$verifies], $dialect, now: clock(NOW + 301)))->verify($headers, 'body')));
        same('skew', verdict(static fn () => (new Webhooks([$verifies], $dialect, now: clock(NAN)))->verify($headers, 'body')));
        same(false, str_contains(print_r($webhooks, true), $verifies));
    }
});

test('an Ed25519 signature has one spelling', static function (): void {
    $webhooks = new Webhooks([publicWebhookKey()], 'standard', now: clock(NOW));
    $headers = Webhooks::sign('msg_1', NOW, 'body', [privateWebhookKey()], 'standard');
    $signature = $headers['webhook-signature'];
    $bytes = base64_decode(substr($signature, 4), true);
    $spellings = [
        rtrim($signature, '='), "$signature=", "v1a,\t" . substr($signature, 4), 'V1A,' . substr($signature, 4), substr($signature, 4),
        'v1a,' . base64_encode("$bytes\0"), 'v1a,' . base64_encode(substr($bytes, 1)), 'v1a,', strtr($signature, '+/', '-_') . "\n=",
        substr($signature, 0, -3) . \chr(\ord($signature[-3]) + 1) . '==',
    ];
    foreach ($spellings as $spelling) {
        same('signature_mismatch', verdict(static fn () => $webhooks->verify(['webhook-signature' => $spelling] + $headers, 'body')), $spelling);
    }
});

test('a public key is no secret, and a public key signs nothing', static function (): void {
    thrown(UnusableKeyError::class, static fn () => Webhooks::sign('msg_1', NOW, 'body', [publicWebhookKey()], 'x-webhook'));
    thrown(UnusableKeyError::class, static fn () => Webhooks::sign('msg_1', NOW, 'body', [publicWebhookKey()], 'standard'));
    $headers = Webhooks::sign('msg_1', NOW, 'body', [SHARED], 'x-webhook');
    thrown(UnusableKeyError::class, static fn () => (new Webhooks([publicWebhookKey()], 'x-webhook', now: clock(NOW)))->verify($headers, 'body'));
    thrown(UnusableKeyError::class, static fn () => Webhooks::sign('msg_1', NOW, 'body', [], 'standard'));
    thrown(\InvalidArgumentException::class, static fn () => new Webhooks([SHARED], 'both'));
});

test('the digits of a timestamp are ASCII, and it is a whole number', static function (): void {
    $webhooks = new Webhooks([SHARED], 'standard', now: clock(NOW));
    foreach (['1767225600 ', '1767225600.0', '1.7672256e9', '+1767225600', "1767225600\n", "\u{661}767225600", '', '-0'] as $timestamp) {
        $headers = ['webhook-timestamp' => $timestamp] + Webhooks::sign('msg_1', NOW, 'body', [SHARED], 'standard');
        same('malformed', verdict(static fn () => $webhooks->verify($headers, 'body')), $timestamp);
    }
});
