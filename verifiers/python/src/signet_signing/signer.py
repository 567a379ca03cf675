"""Signs requests as a gateway does."""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Dict

from .authorization import format_sdk_date
from .canonical import UNSIGNED_PAYLOAD, canonical_request, header_line, is_target, string_to_sign
from .keys import Credentials, Key, load_key
from .message_signatures import sign_message
from .text import body_bytes, sha256_hex

#: Excludes line breaks, which could add a line to the canonical request.
_VISIBLE = re.compile("[\x21-\x7e]+")


def sign(
    method: str,
    url: str,
    host: str,
    body: Any,
    key: Key,
    *,
    cover_body: bool = True,
    now: Callable[[], float] = time.time,
) -> Dict[str, str]:
    """
    Returns the headers to set. `url` is the target to be sent, with encoded path and query. `host` is the Host header
    to be sent, with the port if there is one. `body` is bytes, text or None.

    Raises UnusableKeyError when the key cannot sign, and ValueError when method or host is not visible ASCII, or the
    target has a `#`, a space or
    a control character.
    """
    loaded = load_key(key)
    scheme = loaded.scheme
    if not scheme.covers_request:
        return {"authorization": scheme.format(Credentials(loaded.access_id, "", loaded.sign("")))}
    data = body_bytes(body)
    if data is None:
        raise ValueError("a body is bytes, text or None")
    if not _VISIBLE.fullmatch(method) or not _VISIBLE.fullmatch(host):
        raise ValueError("method and host are visible ASCII without spaces")
    if not is_target(url):
        raise ValueError("a request target has no #, space or control character: encode it")
    if scheme.message_signatures:
        return sign_message(loaded, method, url, host, data if cover_body else None, int(now() // 1))
    headers = {"host": host}
    if not cover_body:
        # It never contains a hash, because some verifiers would trust the hash and not compute it from the
        # body.
        headers["x-sdk-content-sha256"] = UNSIGNED_PAYLOAD
    headers["x-sdk-date"] = format_sdk_date(now())
    signed_headers = ";".join(headers)
    lines = "".join(header_line(name, value) for name, value in headers.items())
    canonical = canonical_request(method, url, lines, signed_headers, sha256_hex(data) if cover_body else UNSIGNED_PAYLOAD)
    signature = loaded.sign(string_to_sign(scheme.name, headers["x-sdk-date"], canonical))
    del headers["host"]
    return {"authorization": scheme.format(Credentials(loaded.access_id, signed_headers, signature)), **headers}
