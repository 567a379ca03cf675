"""Parses the signature headers of a request, before any key or the body is used. Cheap for any request, and never raises."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Union

from .canonical import UNSIGNED_PAYLOAD, canonical_request, header_line, is_target, string_to_sign
from .headers import HeaderReader, header_reader
from .keys import Credentials, Scheme, scheme_named
from .message_signatures import parse_message_signature
from .received import SIGNED_CHARS_MAX, SIGNED_HEADERS_MAX, ParsedAuthorization, SignedContent
from .results import Refusal
from .text import LINE_BREAK, body_bytes, sha256_hex, trim, utf16_length, wire_text

_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_NOT_VISIBLE = re.compile("[^!-~]")


def parse_sdk_date(date: str) -> Optional[float]:
    """Seconds since the epoch; None for an invalid date or another format."""
    match = _DATE.fullmatch(date)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        # The signer's own dates begin with the year 100.
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp() if year >= 100 else None
    except ValueError:
        return None


def format_sdk_date(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds // 1), tz=timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def parse_authorization(method: Any, url: Any, headers: Any, signature_header: str) -> Union[ParsedAuthorization, Refusal]:
    """
    `headers` is what header_reader() takes, or a HeaderReader. A message signature with our tag decides, whatever Authorization has:
    that may be the application's own.
    """
    header = headers if callable(headers) else header_reader(headers)
    authorization = trim(header(signature_header.lower()) or "")
    message = parse_message_signature(method, url, header, authorization != "")
    if message is not None:
        return message
    if authorization == "":
        return Refusal("no_authorization", f"there is no {signature_header} header")
    if authorization == "unsigned":
        return Refusal("no_authorization", "the gateway let this request pass without signing it")
    name, _, rest = authorization.partition(" ")
    scheme = scheme_named(name)
    if scheme is None:
        return Refusal("malformed", "the header names no scheme that is known here")
    credentials = scheme.parse(trim(rest))
    if credentials is None:
        return Refusal("malformed", f"the header does not have the form of {scheme.name}")
    if not isinstance(method, str) or not isinstance(url, str):
        return Refusal("malformed", "a request has a method and a url")
    if not is_target(url):
        return Refusal("malformed", "a request target has no #, space or control character")
    if not scheme.covers_request:
        return ParsedAuthorization(scheme, credentials, 0, False, lambda _: SignedContent("", "", lambda: True))
    return _read_signed(method, url, header, scheme, credentials)


def _read_signed(
    method: str, url: str, header: HeaderReader, scheme: Scheme, credentials: Credentials
) -> Union[ParsedAuthorization, Refusal]:
    read = _read_signed_headers(header, credentials.signed_headers, utf16_length(url))
    if isinstance(read, Refusal):
        return read
    signed = read
    date = trim(header("x-sdk-date") or "")
    signed_at = parse_sdk_date(date)
    if signed_at is None:
        return Refusal("malformed", "X-Sdk-Date has the form YYYYMMDDTHHMMSSZ")
    given = header("x-sdk-content-sha256")
    announced = None if given is None else trim(given)
    if announced is not None and LINE_BREAK.search(announced):
        return Refusal("malformed", "a header value has a line break")

    def signed_content(body: Any) -> Union[SignedContent, Refusal]:
        given_body = body_bytes(body)
        if given_body is None:
            return Refusal("malformed", "pass the raw body bytes (or null), not a parsed body")
        data = given_body
        lines = "".join(header_line(name, value) for name, value in signed.items())
        payload = sha256_hex(data) if announced is None else announced
        canonical = canonical_request(method, wire_text(url), lines, credentials.signed_headers, payload)
        return SignedContent(
            string_to_sign(scheme.name, date, canonical),
            canonical,
            lambda: announced in (None, UNSIGNED_PAYLOAD) or announced == sha256_hex(data),
        )

    return ParsedAuthorization(scheme, credentials, signed_at, announced != UNSIGNED_PAYLOAD, signed_content)


def _read_signed_headers(header: HeaderReader, signed_headers: str, url_chars: int) -> Union[Dict[str, str], Refusal]:
    """The signed headers in order, names in lower case. The target is signed as well, so its length counts."""
    names = signed_headers.split(";", SIGNED_HEADERS_MAX)
    if len(names) > SIGNED_HEADERS_MAX:
        return Refusal("malformed", f"more than {SIGNED_HEADERS_MAX} headers are signed")
    signed: Dict[str, str] = {}
    chars = url_chars
    for name in names:
        lower = name.lower()
        if lower in signed:
            return Refusal("malformed", f"a header is signed twice: {_printable(lower)}")
        given = header(lower)
        if given is None:
            return Refusal("missing_signed_header", f"a signed header did not arrive: {_printable(lower)}")
        value = trim(given)
        chars += utf16_length(value)
        if chars > SIGNED_CHARS_MAX:
            return Refusal("malformed", f"more than {SIGNED_CHARS_MAX} characters are signed")
        if LINE_BREAK.search(value):
            return Refusal("malformed", "a header value has a line break")
        signed[lower] = value
    return signed if "x-sdk-date" in signed else Refusal("missing_signed_header", "x-sdk-date is not signed")


def _printable(name: str) -> str:
    return _NOT_VISIBLE.sub("?", name)[:64]
