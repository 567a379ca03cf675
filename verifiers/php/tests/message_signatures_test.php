<?php

declare(strict_types=1);

namespace Signet\Signing\Tests;

use Signet\Signing\Headers;
use Signet\Signing\Key;
use Signet\Signing\LoadedKey;
use Signet\Signing\MessageSignature;
use Signet\Signing\Signer;
use Signet\Signing\StructuredFields;
use Signet\Signing\UnusableKeyError;
use Signet\Signing\Verifier;

use function Signet\Signing\explain;

/** Of RFC 9421, appendix B.1.4. */
const PUBLIC_HALF = 'MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=';
const PRIVATE_HALF = 'MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF';

function pair(?string $private = null): Key
{
    return new Key('http-message-signatures', PUBLIC_HALF, $private, 'ed25519');
}

test('the vectors of RFC 9421: the signature base is the published one, and so is its signature', static function (): void {
    $file = __DIR__ . '/../../../test/vectors/rfc9421.json';
    if (!is_file($file)) { // they are in the repository of Signet only
        return;
    }
    $vectors = json_decode((string) file_get_contents($file), true, 32, JSON_THROW_ON_ERROR);
    same(['B.2.5', 'B.2.6', 'B.4'], array_column($vectors['signatures'], 'name'));
    foreach ($vectors['signatures'] as ['key' => $name, 'method' => $method, 'target' => $target, 'headers' => $pairs, 'base' => $expected]) {
        ['signKey' => $open, 'signSecret' => $secret, 'signAlgorithm' => $algorithm] = $vectors['keys'][$name];
        $key = new Key('http-message-signatures', $open, $secret, $algorithm);
        $headers = Headers::fromPairs($pairs);
        $inputs = (array) StructuredFields::dictionary((string) $headers->get('signature-input'));
        $label = (string) array_key_first($inputs);
        $names = array_map(static fn (array $item): string => $item['bare'][1], $inputs[$label]['items']);
        $values = [];
        foreach ($names as $component) {
            $derived = MessageSignature::derived($component, $method, (string) $headers->get('host'), $target);
            $values[$component] = (string) ($derived ?? $headers->get($component));
        }
        $base = MessageSignature::base($values, MessageSignature::parameters($names, $inputs[$label]['parameters']));
        $signature = ((array) StructuredFields::dictionary((string) $headers->get('signature')))[$label]['bare'][1];
        $loaded = LoadedKey::of($key);
        same($expected, $base);
        same($signature, ($loaded->sign)($base));
        same([true, false], [($loaded->verify)($base, $signature), ($loaded->verify)("$base ", $signature)]);
        // It covers less than what is required here, and does not have our tag.
        same('no_authorization', verdict(static fn () => (new Verifier([$key], now: clock(1618884473)))->verify($method, $target, $headers, '')));
    }
    // RFC 8037, appendix A.3.
    ['x' => $x, 'keyid' => $keyId] = $vectors['thumbprint'];
    $spki = base64_encode(hex2bin('302a300506032b6570032100') . base64_decode(strtr($x, '-_', '+/'), true));
    same($keyId, LoadedKey::of(new Key('http-message-signatures', $spki, null, 'ed25519'))->accessId);
});

test('the public half verifies a message signature and does not sign, and explain compares its base', static function (): void {
    $signed = ['host' => 'backend.internal'] + Signer::sign('POST', '/a?b', 'Backend.internal:80', 'body', pair(PRIVATE_HALF), now: NOW);
    $verifier = new Verifier([pair()], now: clock(NOW));
    same(['@method', '@authority', '@path', '@query', 'content-digest'], $verifier->verify('POST', '/a?b', $signed, 'body')->signedHeaders);
    same('body_hash_mismatch', verdict(static fn () => $verifier->verify('POST', '/a?b', $signed, 'another')));
    same('signature_mismatch', verdict(static fn () => $verifier->verify('POST', '/a?c', $signed, 'body')));
    thrown(UnusableKeyError::class, static fn () => Signer::sign('POST', '/a?b', 'backend.internal', 'body', pair()));
    thrown(UnusableKeyError::class, static fn () => LoadedKey::of(new Key('http-message-signatures', PUBLIC_HALF, PUBLIC_HALF, 'ed25519')));
    $explained = static fn (string $target): string => explain('POST', $target, $signed, 'body', '')->canonicalRequest;
    same('@path', explain('POST', '/b?b', $signed, 'body', $explained('/a?b'))->part);
});

test('a long header with a message signature is read as a whole', static function (): void {
    // What tries another way through a text, or keeps each step of it, ends at some thousands.
    $long = str_repeat('\\"', 30_000);
    same('bytes', StructuredFields::dictionary("a=\"$long\", b=:AA==:")['b']['bare'][0] ?? null);
    same(60_000, \strlen(StructuredFields::dictionary('a=' . str_repeat('x', 60_000))['a']['bare'][1] ?? ''));
    same(null, StructuredFields::dictionary("a=\"$long"));
});
