"""For Django: add `signet_signing.django.SignatureMiddleware` first to MIDDLEWARE, and SIGNET_VERIFIER to the settings."""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.utils.encoding import repercent_broken_unicode
from django.utils.module_loading import import_string

from .admission import READ_BEFORE, SIGNATURE, announced_length, begin_environ, read_body, settle, take_body, too_large, wsgi_target
from .asgi import asgi_target
from .results import Refusal, Verified
from .verifier import Verifier

__all__ = ["SignatureMiddleware"]


def _text(path: bytes) -> str:
    """Django replaces characters in the paths of the server by this one."""
    decoded: str = repercent_broken_unicode(path).decode()
    return decoded


class SignatureMiddleware:
    """Refuses requests without a valid signature, under WSGI and ASGI. Views find the Verified as `request.signature`."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        verifier = getattr(settings, "SIGNET_VERIFIER", None)
        if isinstance(verifier, str):
            verifier = import_string(verifier)
        if not isinstance(verifier, Verifier):
            raise ImproperlyConfigured("SIGNET_VERIFIER is a signet_signing.Verifier, or the dotted path of one")
        self._verifier = verifier

    def __call__(self, request: Any) -> Any:
        url = asgi_target(request.scope) if hasattr(request, "scope") else wsgi_target(request.environ)
        verdict: Any
        if hasattr(request, "scope"):
            verdict = self._verifier.begin(request.method, url, request.scope["headers"])
        else:
            verdict = begin_environ(self._verifier, request.environ, request.method, url, _text)
        # The body of a request that its headers refuse is not read.
        if not isinstance(verdict, Refusal):
            body = self._read_body(request)
            verdict = body if isinstance(body, Refusal) else verdict.finish(body)
        place = {SIGNATURE: None}
        answer = settle(self._verifier, place, verdict, request.method, url)
        if answer is None:
            signature: Optional[Verified] = place[SIGNATURE]
            request.signature = signature
            return self._get_response(request)
        response = HttpResponse(answer.body, status=answer.status)
        for name, value in answer.headers:
            response[name] = value
        return response

    def _read_body(self, request: Any) -> Union[bytes, Refusal]:
        """Does not use `request.body`, which has its own limit DATA_UPLOAD_MAX_MEMORY_SIZE, and another answer above it."""
        limit = self._verifier.limit_bytes
        length = announced_length(request.META.get("CONTENT_LENGTH") or "")
        if isinstance(length, Refusal):
            return length
        body: Union[bytes, Refusal]
        if hasattr(request, "_body"):
            # Django reads nothing else from then on.
            read: bytes = request._body
            return too_large(limit) if len(read) > limit else READ_BEFORE if len(read) < (length or 0) else read
        if request._read_started:
            return READ_BEFORE
        if hasattr(request, "scope"):
            received = request._stream
            body, request._stream = take_body(received, length, limit)
            if not isinstance(body, Refusal) and hasattr(received, "close"):
                received.close()
        else:
            # Django gives no body without Content-Length, but applications could read it from the environment.
            given = request.environ["wsgi.input"]
            body = read_body(request.environ, limit)
            if request.environ["wsgi.input"] is not given:
                request._stream = request.environ["wsgi.input"]
        if not isinstance(body, Refusal):
            request._body = body
        return body
