"""For Starlette and FastAPI: `app.add_middleware(SignatureMiddleware, verifier=verifier)`."""

from __future__ import annotations

from typing import Optional

from starlette.requests import HTTPConnection

from .asgi import SIGNATURE, SignatureMiddleware
from .results import Verified

__all__ = ["SignatureMiddleware", "signature_of"]


def signature_of(connection: HTTPConnection) -> Optional[Verified]:
    """
    The signature of a request, also as a dependency of FastAPI: `signature = Depends(signature_of)`. None for a request
    that report-only mode let pass. Raises KeyError
    where no middleware verified the request.
    """
    found: Optional[Verified] = connection.scope[SIGNATURE]
    return found
