"""For Flask: a whole application, or a blueprint of it."""

from __future__ import annotations

from typing import Any, FrozenSet, Optional

from flask import Response, request

from .admission import SIGNATURE, admit_environ
from .results import Verified
from .verifier import Verifier

__all__ = ["protect", "signature_of_request"]


#: What a request has once something has read its body, or taken the stream to read it from.
_READING: FrozenSet[str] = frozenset(("stream", "form", "files", "_cached_data", "_cached_json"))


def protect(app: Any, verifier: Verifier) -> None:
    """
    Refuses requests to the application, or to the blueprint, without a valid signature. Call it before you register other
    `before_request` functions: a request whose body something read before is refused.
    """

    def verify() -> Optional[Response]:
        answer = admit_environ(verifier, request.environ, not _READING.isdisjoint(vars(request)))
        return None if answer is None else Response(answer.body, answer.status, answer.headers)

    app.before_request(verify)


def signature_of_request() -> Optional[Verified]:
    """None for a request that report-only mode let pass. Raises KeyError where nothing verified the request."""
    found: Optional[Verified] = request.environ[SIGNATURE]
    return found
