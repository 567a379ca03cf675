"""The middleware for WSGI applications."""

from __future__ import annotations

from http.client import responses
from typing import Any, Callable, Dict, Iterable

from .admission import SIGNATURE, admit_environ
from .verifier import Verifier

__all__ = ["SIGNATURE", "SignatureMiddleware"]


class SignatureMiddleware:
    """Passes verified requests to the application, with the Verified in `environ["signet_signing.signature"]`."""

    def __init__(self, app: Callable[..., Iterable[bytes]], verifier: Verifier) -> None:
        self._app = app
        self._verifier = verifier

    def __call__(self, environ: Dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = admit_environ(self._verifier, environ)
        if answer is None:
            return self._app(environ, start_response)
        start_response(f"{answer.status} {responses[answer.status]}", answer.headers)
        return [answer.body]
