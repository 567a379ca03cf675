"""Signed requests for the tests."""

from signet_signing import Key, sign

HMAC = Key("hmac", "access-key", "Secret-0123456789")
NEXT = Key("hmac", "access-key", "Another-0123456789", id="v2")
NOW = 1_767_268_800.0  # 2026-01-01T12:00:00Z
BODY = b'{"n":1}'
URL = "/v1/orders?b=2&a=1"


def now():
    return NOW


def signed(key=HMAC, method="POST", url=URL, body=BODY, host="backend.internal", at=None, **options):
    """Method, target, headers and body as they would arrive."""
    clock = now if at is None else lambda: at
    return method, url, {"host": host, **sign(method, url, host, body, key, now=clock, **options)}, body
