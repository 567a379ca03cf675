"""Reads headers by name from the types that frameworks use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable, Dict, Iterable, Optional, Tuple

from .text import wire_text

#: Field names of RFC 9110 §5.6.2. Only of these, because lower() also turns the Kelvin sign into a k.
_FIELD_NAME = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+|:authority")

#: Reads a header by its lower-case name.
HeaderReader = Callable[[str], Optional[str]]


def header_reader(headers: Any) -> HeaderReader:
    """Accepts a mapping with names in any case, an object with `items()`, or pairs of texts or bytes. Other values have no headers."""
    try:
        found = _from_pairs(_pairs(headers))
    except Exception:  # An object that only looks like headers counts as one without headers, so that the request is refused.
        found = {}

    def read(name: str) -> Optional[str]:
        value = found.get(name)
        # HTTP/2 has the host in a pseudo-header.
        return found.get(":authority") if value is None and name == "host" else value

    return read


def environ_reader(environ: Mapping[str, Any]) -> HeaderReader:
    """Headers of a WSGI environment."""

    def read(name: str) -> Optional[str]:
        key = name.upper().replace("-", "_")
        # These two have no prefix, and are empty if they are absent from the request.
        value = environ.get(key) or None if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else environ.get("HTTP_" + key)
        # An underscore in a name would be read from the header with a hyphen.
        return _text(value) if "_" not in name else None

    return read


def _pairs(headers: Any) -> Iterable[Tuple[Any, Any]]:
    pairs: Iterable[Tuple[Any, Any]] = headers.items() if callable(getattr(headers, "items", None)) else headers
    return pairs


def _from_pairs(pairs: Iterable[Tuple[Any, Any]]) -> Dict[str, str]:
    """Joins the values of a repeated name in any case, so that none is overlooked. Some mappings also repeat a name in items()."""
    found: Dict[str, str] = {}
    for name, value in pairs:
        name, text = _name(name), _text(value)
        if name is not None and text is not None:
            lower = name.lower()
            found[lower] = f"{found[lower]}, {text}" if lower in found else text
    return found


def _name(name: Any) -> Optional[str]:
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    return name if isinstance(name, str) and _FIELD_NAME.fullmatch(name) else None


def _text(value: Any) -> Optional[str]:
    if isinstance(value, str):
        return wire_text(value)
    if isinstance(value, bytes):
        return wire_text(value.decode("latin-1"))
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, str) for each in value):
        return wire_text(", ".join(value))
    return None
