"""HTTP message signatures (RFC 9421), as docs/signing.md defines them for keys of the type `http-message-signatures`."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Callable, Dict, List, NamedTuple, Optional, Union

from .canonical import split_target
from .headers import HeaderReader
from .keys import Credentials, LoadedKey, message_scheme_named
from .received import SIGNED_CHARS_MAX, SIGNED_HEADERS_MAX, ParsedAuthorization, SignedContent
from .results import Refusal
from .structured_fields import BareItem, InnerList, Parameters, parse_dictionary, serialize_string
from .text import base64_text, body_bytes

#: Marks the signature that verifiers of signature keys look for, among others in one request.
TAG = "signet"
_LABEL = "signet"
#: What a signature must cover, apart from the body.
REQUIRED = ("@method", "@authority", "@path", "@query")
_DIGESTS: Dict[str, Callable[[bytes], bytes]] = {
    "sha-256": lambda body: hashlib.sha256(body).digest(),
    "sha-512": lambda body: hashlib.sha512(body).digest(),
}
#: A signature with any other parameter is refused: it could mean a restriction.
_PARAMETERS = {"created": "integer", "expires": "integer", "keyid": "string", "alg": "string", "nonce": "string", "tag": "string"}
_SECONDS = re.compile("0|[1-9][0-9]{0,14}")
_FIELD = re.compile("[!#$%&'*+.^_`|~0-9a-z-]+")
#: A signature base is ASCII, and a header value that is not would be read differently by servers in different languages.
_PRINTABLE = re.compile("[\t -~]*")
_METHOD = re.compile("[!-~]+")
#: Origin-form or absolute form.
_TARGET = re.compile(r'(?:/|[A-Za-z][A-Za-z0-9+.-]*://)[!"$-~]*')
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?]*)")
_ORIGIN_FORM = re.compile(r'/[!"$-~]*')
_DEFAULT_PORT = re.compile(r":(?:80|443)\Z")


def derived_component(name: str, method: str, authority: str, target: str) -> Optional[str]:
    """
    The value of a derived component; None for one that is not known here. The parts of the target count as sent, without any
    decoding. A port 80 or 443 is left out of the authority: neither side knows the scheme that the client used.
    """
    if name == "@method":
        return method
    if name == "@authority":
        return _DEFAULT_PORT.sub("", authority.lower())
    if name == "@path":
        return split_target(target)[0] or "/"
    if name == "@query":
        return "?" + split_target(target)[1]
    return None


def signature_parameters(components: List[str], parameters: Parameters) -> str:
    """The value of `@signature-params`: the member of Signature-Input."""
    listed = " ".join(serialize_string(name) for name in components)
    return f"({listed})" + "".join(
        f";{key}={serialize_string(item.value) if item.type == 'string' else item.value}" for key, item in parameters.items()
    )


def signature_base(values: Dict[str, str], parameters: str) -> str:
    lines = "".join(f"{serialize_string(name)}: {value}\n" for name, value in values.items())
    return f'{lines}"@signature-params": {parameters}'


def sign_message(loaded: LoadedKey, method: str, url: str, host: str, body: Optional[bytes], created: int) -> Dict[str, str]:
    """The headers to set. `body`: None when the signature is not to cover it. Raises UnusableKeyError, ValueError."""
    if not _ORIGIN_FORM.fullmatch(url):
        raise ValueError("a signed target starts with a slash and is ASCII: encode it")
    values = {name: derived_component(name, method, host, url) or "" for name in REQUIRED}
    headers: Dict[str, str] = {}
    if body is not None:
        headers["content-digest"] = values["content-digest"] = f"sha-256=:{base64_text(hashlib.sha256(body).digest())}:"
    parameters = signature_parameters(
        list(values),
        {
            "created": BareItem("integer", str(created)),
            "keyid": BareItem("string", loaded.access_id),
            "alg": BareItem("string", loaded.scheme.name),
            "nonce": BareItem("string", secrets.token_urlsafe(16)),
            "tag": BareItem("string", TAG),
        },
    )
    signature = loaded.sign(signature_base(values, parameters))
    return {"signature-input": f"{_LABEL}={parameters}", "signature": f"{_LABEL}=:{signature}:", **headers}


def parse_message_signature(
    method: object, url: object, header: HeaderReader, alternative: bool
) -> Union[ParsedAuthorization, Refusal, None]:
    """
    Looks for the signature with our tag. None when there is none, which is decided before anything else is checked. `alternative`:
    whether the request has an Authorization header that may be a signature instead.
    """
    text = header("signature-input")
    if text is None:
        return None
    inputs = None if len(text) > SIGNED_CHARS_MAX else parse_dictionary(_strip(text))
    if inputs is None:
        return None if alternative else Refusal("malformed", "Signature-Input is not a dictionary with each key once")
    tagged = [(label, member) for label, member in inputs.items() if member.parameters.get("tag") == BareItem("string", TAG)]
    if not tagged:
        return None
    if len(tagged) > 1:
        return Refusal("malformed", f"more than one signature has the tag {TAG}")
    label, member = tagged[0]
    if not isinstance(member, InnerList):
        return Refusal("malformed", "a member of Signature-Input is an inner list")
    signature = _signature_named(label, header)
    return signature if isinstance(signature, Refusal) else _read(method, url, header, len(text), member, signature)


def _signature_named(label: str, header: HeaderReader) -> Union[str, Refusal]:
    text = header("signature")
    if text is None:
        return Refusal("malformed", "there is a Signature-Input header and no Signature header")
    signatures = None if len(text) > SIGNED_CHARS_MAX else parse_dictionary(_strip(text))
    if signatures is None:
        return Refusal("malformed", "Signature is not a dictionary with each key once")
    member = signatures.get(label)
    if member is None or isinstance(member, InnerList) or member.bare.type != "bytes" or member.parameters:
        return Refusal("malformed", "Signature has no byte sequence with the label of Signature-Input")
    return member.bare.value


def _read(
    method: object, url: object, header: HeaderReader, input_chars: int, member: InnerList, signature: str
) -> Union[ParsedAuthorization, Refusal]:
    if not isinstance(method, str) or not isinstance(url, str):
        return Refusal("malformed", "a request has a method and a url")
    if not _METHOD.fullmatch(method):
        return Refusal("malformed", "a method is printable ASCII")
    if not _TARGET.fullmatch(url):
        return Refusal("malformed", "a target starts with a slash or a scheme, and is printable ASCII without # and spaces")
    claims = _read_parameters(member.parameters)
    if isinstance(claims, Refusal):
        return claims
    authority = _strip(header("host") or "")
    values = _read_components(member, method, url, authority, header, input_chars + len(url))
    if isinstance(values, Refusal):
        return values
    named = _AUTHORITY.match(url)
    if named is not None and named[1].lower() != authority.lower():
        return Refusal("malformed", "the target names another authority than Host")
    scheme = message_scheme_named(claims.alg)
    if scheme is None:
        return Refusal("malformed", "the signature names no algorithm that is known here")
    digests: Optional[Dict[str, str]] = None
    if "content-digest" in values:
        digests = _parse_content_digest(values["content-digest"])
        if digests is None:
            return Refusal("malformed", "Content-Digest has no digest of sha-256 or sha-512")
    base = signature_base(values, signature_parameters(list(values), member.parameters))

    def signed_content(body: object) -> Union[SignedContent, Refusal]:
        data = body_bytes(body)
        if data is None:
            return Refusal("malformed", "pass the raw body bytes (or null), not a parsed body")
        given = data
        return SignedContent(
            base,
            base,
            lambda: digests is None or all(base64_text(_DIGESTS[name](given)) == digest for name, digest in digests.items()),
        )

    credentials = Credentials(claims.keyid, ";".join(values), signature)
    return ParsedAuthorization(scheme, credentials, claims.created, digests is not None, signed_content, claims.expires)


class _Claims(NamedTuple):
    created: int
    expires: Optional[int]
    keyid: str
    alg: str


def _read_parameters(parameters: Parameters) -> Union[_Claims, Refusal]:
    for name, item in parameters.items():
        if name not in _PARAMETERS:
            return Refusal("malformed", f"the signature has an unknown parameter: {name[:64]}")
        if _PARAMETERS[name] != item.type or (item.type == "integer" and not _SECONDS.fullmatch(item.value)):
            return Refusal("malformed", f"the parameter {name} of the signature has another type")
    if "created" not in parameters or "alg" not in parameters or "keyid" not in parameters or not parameters["keyid"].value:
        return Refusal("malformed", "a signature has created, keyid and alg")
    expires = int(parameters["expires"].value) if "expires" in parameters else None
    return _Claims(int(parameters["created"].value), expires, parameters["keyid"].value, parameters["alg"].value)


def _read_components(
    member: InnerList, method: str, url: str, authority: str, header: HeaderReader, chars: int
) -> Union[Dict[str, str], Refusal]:
    """The covered components in order, by name. `chars`: length of what else is signed."""
    if len(member.items) > SIGNED_HEADERS_MAX:
        return Refusal("malformed", f"more than {SIGNED_HEADERS_MAX} components are signed")
    values: Dict[str, str] = {}
    for item in member.items:
        name = item.bare.value
        if item.bare.type != "string" or item.parameters:
            return Refusal("malformed", "a component is a string without parameters")
        if name in values:
            return Refusal("malformed", f"a component is signed twice: {name[:64]}")
        derived = name.startswith("@")
        if not derived and not _FIELD.fullmatch(name):
            return Refusal("malformed", f"a component is no field name in lower case: {name[:64]}")
        value = derived_component(name, method, authority, url) if derived else header(name)
        if value is None and derived:
            return Refusal("malformed", f"a component is not known here: {name[:64]}")
        if value is None or (name == "@authority" and value == ""):
            return Refusal("missing_signed_header", f"a signed component did not arrive: {name[:64]}")
        chars += len(value)
        if chars > SIGNED_CHARS_MAX:
            return Refusal("malformed", f"more than {SIGNED_CHARS_MAX} characters are signed")
        if not _PRINTABLE.fullmatch(value):
            return Refusal("malformed", f"the value of a signed component is not printable ASCII: {name[:64]}")
        values[name] = _strip(value)
    for name in REQUIRED:
        if name not in values:
            return Refusal("missing_signed_header", f"{name} is not signed")
    return values


def _parse_content_digest(text: str) -> Optional[Dict[str, str]]:
    """Digests in base64, of the algorithms that are known here; None when there is none, or for other text (RFC 9530)."""
    digests: Dict[str, str] = {}
    for name, member in (parse_dictionary(text) or {}).items():
        if isinstance(member, InnerList) or member.bare.type != "bytes":
            return None
        if name in _DIGESTS:
            digests[name] = member.bare.value
    return digests or None


def _strip(text: str) -> str:
    return text.strip(" \t")
