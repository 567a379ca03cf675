"""The results of a verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple, Union


class UnusableKeyError(ValueError):
    """An invalid key: wrong length, not an RSA key, halves that do not match. The message never contains the key."""


class KeysUnavailable(Exception):
    """A look-up raises this error when keys cannot be used now. Its text is the hint of the refusal, so it contains no secret."""


@dataclass(frozen=True)
class Verified:
    """An accepted request."""

    #: `id` of the key, or the id that the Authorization header names.
    key_id: str
    #: False for UNSIGNED-PAYLOAD and for `basic`: the body may have been changed between gateway and backend.
    body_signed: bool
    #: Lower case, in the order of the Authorization header.
    signed_headers: Tuple[str, ...]
    ok: bool = True


@dataclass(frozen=True)
class Refusal:
    """A refused request. It is false, so that `if verdict:` cannot accept it. The hint never contains a secret."""

    code: str
    hint: str
    ok: bool = False

    def __bool__(self) -> bool:
        return False


Verification = Union[Verified, Refusal]

#: Why the signature of a request is refused.
REFUSAL_CODES = (
    "no_authorization",
    "malformed",
    "unknown_key",
    "skew",
    "missing_signed_header",
    "body_hash_mismatch",
    "signature_mismatch",
    "body_unsigned",
    "replayed",
)
#: Why a request is refused that could not be checked.
UNCHECKED_CODES = ("keys_unavailable", "store_unavailable", "too_large")
