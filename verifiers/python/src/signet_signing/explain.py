"""Finds why a signature does not match."""

from __future__ import annotations

import re
from typing import Any, List, NamedTuple, Optional, Union

from .authorization import parse_authorization
from .received import SignedContent
from .results import Refusal


_COMPONENT = re.compile('"([^"]*)": ')


class Request(NamedTuple):
    """A request as received."""

    method: str
    url: str
    headers: Any
    body: Any


class Difference(NamedTuple):
    #: `method`, `uri`, `query`, `header host`, …, `signedHeaders` or `payload`
    part: str
    received: Optional[str]
    signed: Optional[str]
    #: Index of the first different character.
    column: int


class Explanation(NamedTuple):
    canonical_request: str
    string_to_sign: str
    signed_canonical_request: str
    #: None when both are equal: then the secret differs.
    first_difference: Optional[Difference]


def explain(received: Request, signed: Union[str, Request], signature_header: str = "authorization") -> Union[Explanation, Refusal]:
    """
    Compares the verifier's canonical request with the signer's. Neither contains a secret. `signed` is the signer's canonical request
    from its log, or the request as the signer sent it.
    """
    here = _read(received, signature_header)
    if isinstance(here, Refusal):
        return here
    if isinstance(signed, str):
        theirs = signed
    else:
        there = _read(signed, signature_header)
        if isinstance(there, Refusal):
            return there
        theirs = there.canonical_request
    return Explanation(here.canonical_request, here.string_to_sign, theirs, _first_difference(here.canonical_request, theirs))


def _read(request: Request, signature_header: str) -> Union[SignedContent, Refusal]:
    authorization = parse_authorization(request.method, request.url, request.headers, signature_header)
    return authorization if isinstance(authorization, Refusal) else authorization.signed_content(request.body)


def _first_difference(received: str, signed: str) -> Optional[Difference]:
    ours, theirs = received.split("\n"), signed.split("\n")
    for line in range(max(len(ours), len(theirs))):
        a = ours[line] if line < len(ours) else None
        b = theirs[line] if line < len(theirs) else None
        if a != b:
            return Difference(_part_name(ours, line), a, b, _first_column(a or "", b or ""))
    return None


def _part_name(lines: List[str], line: int) -> str:
    """The component of a signature base; else of a canonical request: method, URI, query, one line per header, an empty line, signed headers, payload."""
    component = _COMPONENT.match(lines[line]) if line < len(lines) else None
    if component is not None:
        return component[1]
    if line < 3:
        return ("method", "uri", "query")[line]
    name = {2: "signedHeaders", 1: "payload"}.get(len(lines) - line)
    if name is not None:
        return name
    header = lines[line].split(":", 1)[0] if line < len(lines) else ""
    return f"header {header}" if header else "number of lines"


def _first_column(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
