<?php

declare(strict_types=1);

namespace Signet\Signing;

/**
 * Verifies the request of this script, for a script without a framework. A refused request is answered, and the script ends.
 *
 * Call it before anything else reads the request. The script then reads the verified body in `php://input`.
 *
 * @return Verified|null null for a request that report-only mode let pass
 */
function admit(Verifier $verifier): ?Verified
{
    $request = ServerRequest::current();
    $verdict = $request->verify($verifier);
    if ($verdict instanceof Verified) {
        $verifier->countAccepted();
        return $verdict;
    }
    if ($verifier->letsPass($verdict, $request->method, $request->target)) {
        return null;
    }
    $answer = Answer::to($verdict);
    http_response_code($answer->status);
    foreach ($answer->headers as $name => $value) {
        header("$name: $value");
    }
    echo $answer->body;
    exit;
}

/**
 * Compares the verifier's canonical request with the signer's.
 *
 * @param string $target as received
 * @param Headers|iterable<array-key, mixed> $headers as received
 * @param string $signed the signer's canonical request, or its signature base, from its log
 *
 * @throws Refused when the request has no signature that could be compared
 */
function explain(
    string $method,
    string $target,
    Headers|iterable $headers,
    string $body,
    string $signed,
    string $signatureHeader = 'authorization',
): Explanation {
    $headers = $headers instanceof Headers ? $headers : Headers::of($headers);
    $authorization = SignedRequest::parse($method, $target, $headers, $signatureHeader);
    if ($authorization instanceof Refusal) {
        throw new Refused($authorization);
    }
    return Explanation::of($authorization->canonicalRequest($body), $signed);
}
