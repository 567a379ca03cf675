"""The parsed signature of a request, before a key or the body is used."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, Union

from .keys import Credentials, Scheme
from .results import Refusal

#: Clients sign a handful.
SIGNED_HEADERS_MAX = 64
#: Characters of the target and the signed headers: twice the limit of HTTP servers.
SIGNED_CHARS_MAX = 65_536


class SignedContent(NamedTuple):
    """What a signature covers."""

    #: Verified with each candidate key.
    string_to_sign: str
    canonical_request: str
    #: Whether the body matches `X-Sdk-Content-Sha256` or `Content-Digest`; hashes the body, so call it last.
    body_matches: Callable[[], bool]


class ParsedAuthorization(NamedTuple):
    scheme: Scheme
    credentials: Credentials
    #: Seconds since the epoch; 0 for a scheme without a string to sign.
    signed_at: float
    body_signed: bool
    #: Computes what was signed from the body; expensive, so called once a key is known.
    signed_content: Callable[[Any], Union[SignedContent, Refusal]]
    #: Seconds since the epoch: the sender's own end of the signature, if it named one.
    expires_at: Optional[float] = None
