"""Text and bytes as the signature defines them. Python's own strip(), \\d and \\s follow other rules than the signer's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Optional

#: White space of ECMAScript, by which signers trim.
SPACE = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
LINE_BREAK = re.compile("[\r\n]")

_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_BASE64 = re.compile("[^A-Za-z0-9+/]")


def trim(text: str) -> str:
    return text.strip(SPACE)


def utf8(text: str) -> bytes:
    """Encodes as UTF-8, with U+FFFD for a lone surrogate."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode("utf-8")


def utf16_length(text: str) -> int:
    """The length as signers count it, so that both sides have the same limits."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def wire_text(text: str) -> str:
    """Restores UTF-8 from a server that gives one character per byte (PEP 3333). Other text stays unchanged."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def base64_bytes(text: str) -> bytes:
    """Decodes base64 with or without padding, in either alphabet. Never raises: other characters are skipped."""
    digits = _NOT_BASE64.sub("", text.split("=", 1)[0].replace("-", "+").replace("_", "/"))
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + "=" * (-len(digits) % 4))


def canonical_base64(text: str) -> Optional[bytes]:
    """Decodes base64 as in RFC 4648 §4, with padding and unused bits of zero. None for other text, so that bytes have exactly one text."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if data and base64_text(data) == text else None


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def same_text(given: str, expected: str) -> bool:
    """Compares in constant time. Hashing hides the length of the secret."""
    return hmac.compare_digest(hashlib.sha256(utf8(given)).digest(), hashlib.sha256(utf8(expected)).digest())


def same_hex(given: str, expected: str) -> bool:
    """Compares two signatures of either case in constant time; their length is public."""
    return hmac.compare_digest(utf8(given.lower()), expected.encode("ascii"))


def body_bytes(body: object) -> Optional[bytes]:
    """The bytes of a body; None for a value that is not a body, such as parsed JSON."""
    if body is None:
        return b""
    if isinstance(body, str):
        return utf8(body)
    return bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else None
