"""The canonical request of docs/signing.md, "What is signed"."""

from __future__ import annotations

import re
from typing import List, Tuple

from .text import sha256_hex, utf8

#: Payload line for a body that the signature does not cover.
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_RESERVED = re.compile(rb"[^A-Za-z0-9\-._~]")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_NOT_IN_TARGET = re.compile("[\x00-\x20#\x7f]")


def percent_decode(text: str) -> bytes:
    """A `%` without two hexadecimal digits after it is a literal percent sign."""
    return _ESCAPE.sub(lambda match: bytes((int(match.group(1), 16),)), utf8(text))


def percent_encode(data: bytes) -> str:
    """Encodes everything but the unreserved characters of RFC 3986, in upper case."""
    return _RESERVED.sub(lambda match: b"%%%02X" % match.group(0)[0], data).decode("ascii")


def is_target(url: str) -> bool:
    """
    Whether a received text is a valid target, without `#`, spaces and control characters (RFC 9112 §3.2). Parsers read
    different paths from a target with such a character.
    """
    return _NOT_IN_TARGET.search(url) is None


def split_target(url: str) -> Tuple[str, str]:
    """Path and query of a target that is_target() accepts; `#` is an ordinary character here."""
    if not url.startswith("/"):
        url = _AUTHORITY.sub("", url, count=1) if _AUTHORITY.match(url) else url
    path, _, query = url.partition("?")
    return path, query


def canonical_uri(path: str) -> str:
    """Decodes and encodes each segment, so `%2F` stays in its segment; dot segments and `//` are kept."""
    encoded = "/".join(percent_encode(percent_decode(segment)) for segment in path.split("/"))
    return encoded if encoded.endswith("/") else encoded + "/"


def canonical_query(query: str) -> str:
    """Sorts by decoded name, then by decoded value, both by code point, which is the order of the bytes in UTF-8."""
    pairs: List[Tuple[bytes, bytes]] = []
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.replace("+", " ").partition("=")
            pairs.append((percent_decode(name), percent_decode(value)))
    return "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(pairs))


def canonical_request(method: str, url: str, header_lines: str, signed_headers: str, payload: str) -> str:
    path, query = split_target(url)
    return "\n".join((method.upper(), canonical_uri(path), canonical_query(query), header_lines, signed_headers, payload))


def header_line(name: str, value: str) -> str:
    return f"{name}:{value}\n"


def string_to_sign(scheme: str, date: str, canonical: str) -> str:
    return f"{scheme}\n{date}\n{sha256_hex(utf8(canonical))}"
