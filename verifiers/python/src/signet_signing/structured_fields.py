"""Dictionaries of structured fields (RFC 8941)."""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Pattern, Tuple, Union

from .text import canonical_base64


class BareItem(NamedTuple):
    #: `integer`, `decimal`, `string`, `token`, `bytes` or `boolean`
    type: str
    #: The content of a string, the base64 of bytes, `true` or `false`; for other types the text as received.
    value: str


Parameters = Dict[str, BareItem]


class Item(NamedTuple):
    bare: BareItem
    parameters: Parameters


class InnerList(NamedTuple):
    items: Tuple[Item, ...]
    parameters: Parameters


Dictionary = Dict[str, Union[Item, InnerList]]


def parse_dictionary(text: str) -> Optional[Dictionary]:
    """
    Stricter than the RFC in two points, so that two parsers never read one text differently: a key is there once, in the dictionary
    and in parameters, and base64 is canonical. None for any other text.
    """
    try:
        return _Scanner(text.strip(" ")).dictionary()
    except ValueError:
        return None


def serialize_string(text: str) -> str:
    """Raises ValueError for other characters than printable ASCII."""
    if not re.fullmatch("[ -~]*", text):
        raise ValueError("a structured string is printable ASCII")
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_NUMBER = re.compile(r"-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_BOOLEAN = re.compile(r"\?([01])")
_COMMA = re.compile("[ \t]*,[ \t]*")
_SPACES = re.compile(" *")
_TRUE = BareItem("boolean", "true")


class _Scanner:
    """Each method raises ValueError for text that is none."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def dictionary(self) -> Dictionary:
        members: Dictionary = {}
        while self._at < len(self._text):
            if members:
                self._need(_COMMA)
            key = self._key(members)
            if not self._skip("="):
                members[key] = Item(_TRUE, self._parameters())
            elif self._next() == "(":
                members[key] = self._inner_list()
            else:
                members[key] = self._item()
        return members

    def _inner_list(self) -> InnerList:
        items: List[Item] = []
        self._skip("(")
        while True:
            spaces = self._need(_SPACES)[0]
            if self._skip(")"):
                return InnerList(tuple(items), self._parameters())
            # Two items are separated by at least one space.
            if items and not spaces:
                raise ValueError
            items.append(self._item())

    def _item(self) -> Item:
        return Item(self._bare_item(), self._parameters())

    def _parameters(self) -> Parameters:
        parameters: Parameters = {}
        while self._skip(";"):
            self._need(_SPACES)
            key = self._key(parameters)
            parameters[key] = self._bare_item() if self._skip("=") else _TRUE
        return parameters

    def _bare_item(self) -> BareItem:
        first = self._next()
        if first == '"':
            return BareItem("string", re.sub(r"\\(.)", r"\1", self._need(_STRING)[1]))
        if first == ":":
            value = self._need(_BYTES)[1]
            if value and canonical_base64(value) is None:
                raise ValueError
            return BareItem("bytes", value)
        if first == "?":
            return BareItem("boolean", "true" if self._need(_BOOLEAN)[1] == "1" else "false")
        if first != "" and first in "-0123456789":
            number = self._need(_NUMBER)[0]
            return BareItem("decimal" if "." in number else "integer", number)
        return BareItem("token", self._need(_TOKEN)[0])

    def _key(self, known: Any) -> str:
        key: str = self._need(_KEY)[0]
        if key in known:
            raise ValueError
        return key

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, char: str) -> bool:
        if self._next() != char:
            return False
        self._at += 1
        return True

    def _need(self, pattern: "Pattern[str]") -> Any:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError
        self._at = match.end()
        return match
