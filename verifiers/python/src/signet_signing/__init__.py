"""
Verifies requests that an API gateway has signed, and webhooks; signs both. Middlewares: `signet_signing.wsgi`, `.asgi`, `.flask`,
`.starlette` (also for FastAPI) and `.django`.
"""

from .canonical import UNSIGNED_PAYLOAD, canonical_query, canonical_request, canonical_uri, string_to_sign
from .explain import Difference, Explanation, Request, explain
from .keys import Key
from .replay import MemoryReplayStore
from .results import REFUSAL_CODES, UNCHECKED_CODES, KeysUnavailable, Refusal, UnusableKeyError, Verification, Verified
from .service_keys import ServiceKeys
from .signer import sign
from .verifier import Begun, KeyLookup, Verifier
from .webhook import WebhookVerified, sign_webhook, verify_webhook

__all__ = [
    "Begun",
    "Difference",
    "Explanation",
    "Key",
    "KeyLookup",
    "KeysUnavailable",
    "MemoryReplayStore",
    "REFUSAL_CODES",
    "Refusal",
    "Request",
    "ServiceKeys",
    "UNCHECKED_CODES",
    "UNSIGNED_PAYLOAD",
    "UnusableKeyError",
    "Verification",
    "Verified",
    "Verifier",
    "WebhookVerified",
    "canonical_query",
    "canonical_request",
    "canonical_uri",
    "explain",
    "sign",
    "sign_webhook",
    "string_to_sign",
    "verify_webhook",
]
