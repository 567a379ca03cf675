"""Signs and verifies webhooks in both dialects: `x-webhook` and `standard` (Standard Webhooks)."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Union

from .headers import header_reader
from .keys import _cryptography
from .results import Refusal, UnusableKeyError
from .text import base64_bytes, base64_text, body_bytes, canonical_base64, same_hex, same_text, trim, utf8

_ID = re.compile(r"[!-\-/-~]+")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SEED_BYTES = 32
#: Bounds the work per request; senders use two keys at most.
_SIGNATURES_MAX = 16


@dataclass(frozen=True)
class WebhookVerified:
    timestamp: int
    #: Set only if the signature covers it, which it does in the dialect `standard`.
    id: Optional[str] = None
    ok: bool = True


class _Key(NamedTuple):
    #: Raises UnusableKeyError when the key can only verify.
    sign: Callable[[bytes], str]
    matches: Callable[[bytes, str], bool]


class _Dialect(NamedTuple):
    #: Prefix of the three headers.
    header: str
    separator: str
    covers_id: bool
    key: Callable[[str], _Key]


def _x_webhook_key(secret: str) -> _Key:
    """The HMAC key is the whole text of the secret, prefix included."""
    if not secret:
        raise UnusableKeyError("a webhook secret is not empty")
    # It is refused, because whoever knows a public key could sign with it.
    if secret.startswith("whpk_"):
        raise UnusableKeyError("a public key is no secret: x-webhook has no signatures for it")
    key = utf8(secret)

    def sign(message: bytes) -> str:
        return "sha256=" + hmac.new(key, message, hashlib.sha256).hexdigest()

    return _Key(sign, lambda message, signature: same_hex(signature, sign(message)))


def _standard_key(text: str) -> _Key:
    """`whsec_…` or bare base64, a shared secret; `whsk_…`, an Ed25519 private key; `whpk_…`, a public key."""
    prefix, body = (text[:4], text[5:]) if text.startswith(("whsk_", "whpk_")) else ("whsec", text[6:] if
    text.startswith("whsec_") else text)
    data = base64_bytes(body)
    if not _BASE64.fullmatch(body) or not data:
        raise UnusableKeyError("a Standard Webhooks key is base64 after its prefix")
    if prefix == "whsec":
        return _shared_secret(data)
    ed25519 = _cryptography().ed25519
    private = None
    if prefix == "whsk":
        if len(data) not in (_SEED_BYTES, 2 * _SEED_BYTES):
            raise UnusableKeyError("a whsk_ key has 32 or 64 bytes")
        private = ed25519.Ed25519PrivateKey.from_private_bytes(data[:_SEED_BYTES])
        public = private.public_key()
    else:
        if len(data) != _SEED_BYTES:
            raise UnusableKeyError("a whpk_ key has 32 bytes")
        public = ed25519.Ed25519PublicKey.from_public_bytes(data)

    def sign(message: bytes) -> str:
        if private is None:
            raise UnusableKeyError("a whpk_ key can only verify")
        return "v1a," + base64_text(private.sign(message))

    def matches(message: bytes, signature: str) -> bool:
        if not signature.startswith("v1a,"):
            return False
        try:
            public.verify(canonical_base64(signature[4:]) or b"", message)
        except Exception:  # InvalidSignature, or the error for a malformed signature.
            return False
        return True

    return _Key(sign, matches)


def _shared_secret(secret: bytes) -> _Key:
    def sign(message: bytes) -> str:
        return "v1," + base64_text(hmac.new(secret, message, hashlib.sha256).digest())

    return _Key(sign, lambda message, signature: same_text(signature, sign(message)))


_DIALECTS = {
    "x-webhook": _Dialect("x-webhook", ",", False, _x_webhook_key),
    "standard": _Dialect("webhook", " ", True, _standard_key),
}


def _signed_bytes(dialect: _Dialect, id: str, timestamp: str, body: bytes) -> bytes:
    return (f"{id}." if dialect.covers_id else "").encode() + f"{timestamp}.".encode() + body


def verify_webhook(
    headers: Any,
    body: Any,
    secrets: Sequence[str],
    *,
    dialect: str,
    tolerance_seconds: float = 300,
    now: Callable[[], float] = time.time,
) -> Union[WebhookVerified, Refusal]:
    """
    Verifies one delivery. No delivery makes it raise. `dialect` is the expected one, `x-webhook` or `standard`, because
    a sender must not be able to choose the weaker one. `body` is the bytes as received; `secrets` are the accepted
    ones.

    Raises UnusableKeyError when a secret does not have the dialect's format.
    """
    rules = _DIALECTS[dialect]
    if isinstance(secrets, str):
        raise UnusableKeyError("secrets are a list")
    read = header_reader(headers)
    header = rules.header
    id, timestamp, signature = (read(f"{header}-{part}") or "" for part in ("id", "timestamp", "signature"))
    if not signature:
        return Refusal("no_signature", f"there is no {header}-signature header")
    if not _TIMESTAMP.fullmatch(timestamp):
        return Refusal("malformed", f"{header}-timestamp is whole seconds since the epoch")
    if rules.covers_id and not _ID.fullmatch(id):
        return Refusal("malformed", "webhook-id is visible ASCII without a full stop")
    data = body_bytes(body)
    if data is None:
        return Refusal("malformed", "pass the raw body bytes (or null), not a parsed body")
    if not abs(now() - int(timestamp)) <= tolerance_seconds:
        return Refusal("skew", f"{header}-timestamp is too far from the clock here")
    message = _signed_bytes(rules, id, timestamp, data)
    given = [trim(each) for each in signature.split(rules.separator, _SIGNATURES_MAX)[:_SIGNATURES_MAX]]
    keys = [rules.key(secret) for secret in secrets]
    if not any(key.matches(message, each) for key in keys for each in given):
        return Refusal("signature_mismatch", "signed with another secret, or changed on the way")
    return WebhookVerified(int(timestamp), id if rules.covers_id else None)


def sign_webhook(id: str, timestamp: int, body: Any, secrets: Sequence[str], *, dialect: str) -> Dict[str, str]:
    """
    Returns the headers of one attempt. `secrets` has one secret, or two while a key rotates, the newest first.

    Raises UnusableKeyError, and ValueError when the id contains a `.` (which separates it from the timestamp).
    """
    rules = _DIALECTS[dialect]
    if not secrets or isinstance(secrets, str):
        raise UnusableKeyError("a webhook is signed with at least one secret")
    keys = [rules.key(secret) for secret in secrets]
    data = body_bytes(body)
    if not _ID.fullmatch(id) or data is None or not isinstance(timestamp, int) or timestamp < 0:
        raise ValueError("a message has an id of visible ASCII without a full stop, whole seconds, and a body of bytes or text")
    message = _signed_bytes(rules, id, str(timestamp), data)
    return {
        f"{rules.header}-id": id,
        f"{rules.header}-timestamp": str(timestamp),
        f"{rules.header}-signature": rules.separator.join(key.sign(message) for key in keys),
    }
