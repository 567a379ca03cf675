"""What all middlewares share: the answer to a refused request, the target as the client sent it, and the body as it arrived."""

from __future__ import annotations

import io
import json
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union
from urllib.parse import quote, unquote_to_bytes

from .canonical import split_target
from .headers import environ_reader
from .results import Refusal, Verified
from .verifier import Begun, Verifier

#: Where WSGI environments and ASGI scopes have the Verified of a request; None for a request that report-only mode let pass.
SIGNATURE = "signet_signing.signature"

_CHUNK = 64 * 1024
_LENGTH = re.compile("[0-9]{1,18}")
_UNSAFE_FREE = "/~!$&'()*+,;=:@"

#: The application would use what was read then, and no signature was verified for it.
READ_BEFORE = Refusal("malformed", "the body was read before it could be verified, or ended early")
_STREAM_FAILED = Refusal("malformed", "the body could not be read to its end")


class Answer(NamedTuple):
    status: int
    headers: List[Tuple[str, str]]
    body: bytes


def answer_to(refusal: Refusal) -> Answer:
    """The answer is 401 `{code, hint}`, 413 for a body that is too long, or 503 while keys or replay store are unavailable."""
    headers = [("content-type", "application/json"), ("cache-control", "no-store")]
    status = {"too_large": 413, "keys_unavailable": 503, "store_unavailable": 503}.get(refusal.code, 401)
    if status == 401:
        headers.append(("www-authenticate", "SDK-HMAC-SHA256"))
    if status == 503:
        headers.append(("retry-after", "1"))
    body = json.dumps({"code": refusal.code, "hint": refusal.hint}).encode("ascii")
    return Answer(status, headers + [("content-length", str(len(body)))], body)


def too_large(limit_bytes: int) -> Refusal:
    return Refusal("too_large", f"the body is longer than {limit_bytes} bytes")


def decoded_target(path: str, query: str) -> str:
    """For servers that do not pass the target as sent. They lose an encoded slash, so a request with one is refused."""
    return quote(path.encode("latin-1", "replace"), safe=_UNSAFE_FREE) + (f"?{query}" if query else "")


def wsgi_target(environ: Dict[str, Any]) -> str:
    """The target as sent: gunicorn and Werkzeug have it in RAW_URI, and servers that follow CGI in REQUEST_URI."""
    for name in ("RAW_URI", "REQUEST_URI"):
        target = environ.get(name)
        if isinstance(target, str) and target:
            return target
    return decoded_target(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", ""))


def _latin_1(path: bytes) -> str:
    return path.decode("latin-1")


def begin_environ(
    verifier: Verifier, environ: Dict[str, Any], method: str, url: str, decode: Callable[[bytes], str] = _latin_1
) -> Union[Begun, Refusal]:
    """Checks everything that a WSGI environment shows without its body. `decode` is how the server decoded its paths."""
    begun = verifier.begin(method, url, environ_reader(environ))
    if isinstance(begun, Refusal):
        return begun
    if environ.get("HTTP_SCRIPT_NAME") and not verifier.script_name_header:
        return Refusal("malformed", "the header SCRIPT_NAME would change the path that the application reads")
    if not _reads_the_target(environ, url, decode):
        return Refusal("malformed", "the application would read another path or query than the target has")
    return begun


def _reads_the_target(environ: Dict[str, Any], url: str, decode: Callable[[bytes], str]) -> bool:
    """
    Whether applications read the path and the query of the target, which is signed. SCRIPT_NAME may be left out:
    a proxy may name a prefix that it has removed.
    """
    path, query = split_target(url)
    decoded = decode(unquote_to_bytes(path.encode("latin-1", "replace"))) or "/"
    rest = environ.get("PATH_INFO", "")
    return query == environ.get("QUERY_STRING", "") and decoded in (environ.get("SCRIPT_NAME", "") + rest or "/", rest)


def admit_environ(verifier: Verifier, environ: Dict[str, Any], read_before: bool = False) -> Optional[Answer]:
    """
    Verifies the request of a WSGI environment. The application then reads exactly the bytes that were verified. Returns the answer to
    a refused request, and None for a request that may pass. `read_before` says whether other code has parsed the body already.
    """
    method, url = environ.get("REQUEST_METHOD", ""), wsgi_target(environ)
    environ[SIGNATURE] = None
    verdict: Any = begin_environ(verifier, environ, method, url)
    # The body of a request that its headers refuse is not read.
    if not isinstance(verdict, Refusal):
        body = READ_BEFORE if read_before else read_body(environ, verifier.limit_bytes)
        verdict = body if isinstance(body, Refusal) else verdict.finish(body)
    return settle(verifier, environ, verdict, method, url)


def settle(verifier: Verifier, place: Any, verdict: Union[Verified, Refusal], method: str, url: str) -> Optional[Answer]:
    """Counts the verdict, and stores the signature in the environment."""
    if isinstance(verdict, Refusal):
        return None if verifier.lets_pass(verdict, method, url) else answer_to(verdict)
    verifier.count("accepted")
    place[SIGNATURE] = verdict
    return None


def announced_length(text: str) -> Union[int, None, Refusal]:
    """The value of a Content-Length header; None if there is none."""
    if text and not _LENGTH.fullmatch(text):
        return Refusal("malformed", "Content-Length is a number")
    return int(text) if text else None


def read_body(environ: Dict[str, Any], limit_bytes: int) -> Union[bytes, Refusal]:
    """Reads the body and puts it back. Also puts a refused body back, with its unread rest, for report-only mode."""
    terminated = bool(environ.get("wsgi.input_terminated"))
    if not terminated and environ.get("HTTP_TRANSFER_ENCODING"):
        return Refusal("malformed", "this server does not give a body without Content-Length to applications")
    length = announced_length(environ.get("CONTENT_LENGTH") or "")
    if isinstance(length, Refusal):
        return length
    if length is None and not terminated:
        length = 0
    body, environ["wsgi.input"] = take_body(environ.get("wsgi.input"), length, limit_bytes)
    if not isinstance(body, Refusal):
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
    return body


def take_body(stream: Any, length: Optional[int], limit_bytes: int) -> Tuple[Union[bytes, Refusal], Any]:
    """Returns the body, of the given length if it is known, or a refusal; and a stream with the same bytes."""
    if length is not None and length > limit_bytes:
        return too_large(limit_bytes), stream
    parts: List[bytes] = []
    read = 0
    refusal: Optional[Refusal] = None
    while stream is not None and (length is None or read < length):
        try:
            part = stream.read(_CHUNK if length is None else min(_CHUNK, length - read))
        except Exception:  # Servers raise these for a body that breaks off or is malformed.
            refusal = _STREAM_FAILED
            break
        if not part:
            break
        parts.append(part)
        read += len(part)
        if read > limit_bytes:
            refusal = too_large(limit_bytes)
            break
    if refusal is None and length is not None and read < length:
        refusal = READ_BEFORE
    body = b"".join(parts)
    if refusal is None:
        return body, io.BytesIO(body)
    return refusal, stream if stream is None else io.BufferedReader(_Rejoined(body, stream))


class _Rejoined(io.RawIOBase):
    """A stream of the bytes that were read already, and of the rest."""

    def __init__(self, begun: bytes, rest: Any) -> None:
        self._begun = io.BytesIO(begun)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._begun.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
