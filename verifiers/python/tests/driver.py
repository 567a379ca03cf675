"""Runs the package for tests in another language. It reads one JSON object per line and writes one per line."""

import base64
import json
import sys

import signet_signing
from signet_signing import Key, MemoryReplayStore, UnusableKeyError, Verifier, sign, sign_webhook, verify_webhook


def key_of(key):
    return Key(key["signType"], key["signKey"], key.get("signSecret"), key.get("signAlgorithm"), key.get("id"))


def verify(case):
    """A vector of packages/vectors."""
    now = lambda: case["now"]  # noqa: E731
    request, options = case["request"], case["options"]
    if case["kind"] == "webhook":
        body = base64.b64decode(request["body"])
        try:
            return verify_webhook(
                request["headers"], body, case["keys"], dialect=case["dialect"], tolerance_seconds=options["toleranceSeconds"], now=now
            )
        except UnusableKeyError:
            return signet_signing.Refusal("unusable_key", "")
    keys = [key_of(key) for key in case["keys"]]
    verifier = Verifier(
        lambda *_: keys,
        skew_seconds=options["skewSeconds"],
        allow_unsigned_payload=options["allowUnsignedPayload"],
        signature_header=options["signatureHeader"],
        replay_store=MemoryReplayStore() if case["before"] else None,
        now=now,
    )
    for each in [*case["before"], request]:
        verdict = verifier.verify(each["method"], each["target"], each["headers"], base64.b64decode(each["body"]))
    return verdict


def answer(case):
    if case.get("do") == "sign":
        body = base64.b64decode(case["body"])
        return sign(case["method"], case["url"], case["host"], body, key_of(case["key"]), cover_body=case["coverBody"], now=lambda: case["now"])
    if case.get("do") == "sign_webhook":
        return sign_webhook(case["id"], case["timestamp"], base64.b64decode(case["body"]), case["secrets"], dialect=case["dialect"])
    verdict = verify(case)
    return {"expected": "valid" if verdict.ok else "invalid", "code": getattr(verdict, "code", None), "hint": getattr(verdict, "hint", None)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
