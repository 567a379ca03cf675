"""Keys, and the signature scheme of each kind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import weakref
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from .results import UnusableKeyError
from .text import SPACE, base64_bytes, base64_text, canonical_base64, same_hex, same_text, utf8

_BLOCK = 16
_RSA_BITS_MIN = 2048
_SALT_BYTES = 32


@dataclass(frozen=True)
class Key:
    """A signature key as the control plane returns it. Neither half is in its repr()."""

    #: `hmac`, `basic`, `aes`, `public_key` or `http-message-signatures`
    sign_type: str
    sign_key: str = field(repr=False)
    #: Leave it out for `public_key` and Ed25519: a verifier needs the public half only.
    sign_secret: Optional[str] = field(default=None, repr=False)
    #: `aes-128-cfb` or `aes-256-cfb` for `aes`, `ed25519` or `hmac-sha256` for `http-message-signatures`; ignored for other types.
    sign_algorithm: Optional[str] = None
    #: Reported as `key_id`; default: the id in the Authorization header.
    id: Optional[str] = None


class Credentials(NamedTuple):
    """The text after the scheme's name in the Authorization header."""

    access_id: str
    #: Joined by `;`, as sent.
    signed_headers: str
    signature: str

    def __repr__(self) -> str:
        """The repr() omits the signature, which is the secret for Basic."""
        return f"Credentials(access_id={self.access_id!r}, signed_headers={self.signed_headers!r})"


class LoadedKey(NamedTuple):
    material: Key
    scheme: "Scheme"
    #: Its id in the Authorization header (`Access=`).
    access_id: str
    #: Raises UnusableKeyError when the key can only verify.
    sign: Callable[[str], str]
    #: Constant time. Takes the string to sign and the signature. Never raises.
    verify: Callable[[str, str], bool]

    @property
    def key_id(self) -> str:
        return self.access_id if self.material.id is None else self.material.id


class Scheme(NamedTuple):
    #: First word of the Authorization header and, if there is one, first line of the string to sign.
    name: str
    #: Whether there is a string to sign; Basic sends the secret instead.
    covers_request: bool
    #: Access id, sign and verify of a key. Raises UnusableKeyError.
    load: Callable[[Key], Tuple[str, Callable[[str], str], Callable[[str, str], bool]]]
    parse: Callable[[str], Optional[Credentials]]
    format: Callable[[Credentials], str]
    #: Whether signatures are HTTP message signatures (RFC 9421); the name is then the `alg` parameter.
    message_signatures: bool = False


#: SignedHeaders is ASCII: names are compared without regard to case, which is not the same everywhere beyond ASCII.
_SIGNED_FORM = re.compile(f"Access=([^,{SPACE}]+), *SignedHeaders=([!-+\\--~]+), *Signature=((?:[0-9A-Fa-f]{{2}})+)")


def _signed(name: str, load: Callable[[Key], Any]) -> Scheme:
    def parse(credentials: str) -> Optional[Credentials]:
        match = _SIGNED_FORM.fullmatch(credentials)
        return Credentials(*match.groups()) if match else None

    def form(given: Credentials) -> str:
        return f"{name} Access={given.access_id}, SignedHeaders={given.signed_headers}, Signature={given.signature}"

    return Scheme(name, True, load, parse, form)


def _load_hmac(key: Key) -> Any:
    if not key.sign_secret:
        raise UnusableKeyError("an hmac key has a secret")
    secret = utf8(key.sign_secret)

    def sign(string_to_sign: str) -> str:
        return hmac.new(secret, utf8(string_to_sign), hashlib.sha256).hexdigest()

    return key.sign_key, sign, lambda string_to_sign, signature: same_hex(signature, sign(string_to_sign))


def _load_basic(key: Key) -> Any:
    secret = key.sign_secret
    if not secret:
        raise UnusableKeyError("a basic key has a secret")
    return key.sign_key, lambda _: secret, lambda _, signature: same_text(signature, secret)


def _parse_basic(credentials: str) -> Optional[Credentials]:
    data = canonical_base64(credentials)
    if data is None:
        return None
    user, colon, password = data.decode("utf-8", "replace").partition(":")
    return Credentials(user, "", password) if user and colon else None


def _format_basic(given: Credentials) -> str:
    return "Basic " + base64_text(utf8(f"{given.access_id}:{given.signature}"))


def _load_aes(algorithm: str, key_length: int) -> Callable[[Key], Any]:
    """A MAC from AES-CFB with the key's fixed vector. Only its last block is sent: docs/signing.md, "aes"."""

    def load(key: Key) -> Any:
        secret, vector = utf8(key.sign_key), utf8(key.sign_secret or "")
        if len(secret) != key_length:
            raise UnusableKeyError(f"the key of {algorithm} has {key_length} bytes")
        if len(vector) != _BLOCK:
            raise UnusableKeyError(f"the secret of {algorithm}, its vector, has {_BLOCK} bytes")
        ciphers = _cryptography().ciphers
        cipher = ciphers.Cipher(ciphers.algorithms.AES(secret), ciphers.modes.ECB())

        def block(data: bytes) -> bytes:
            encrypted: bytes = cipher.encryptor().update(data)
            return encrypted

        def sign(string_to_sign: str) -> str:
            digest = hashlib.sha256(utf8(string_to_sign)).digest()
            first = _xor(block(vector), digest[:_BLOCK])
            return block(_xor(block(first), digest[_BLOCK:])).hex()

        access_id = hmac.new(secret, b"signet aes key id\n" + vector, hashlib.sha256).hexdigest()[:32]
        return access_id, sign, lambda string_to_sign, signature: same_hex(signature, sign(string_to_sign))

    return load


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b))


def _load_public_key(key: Key) -> Any:
    crypto = _cryptography()
    public = _rsa(lambda: crypto.serialization.load_der_public_key(base64_bytes(key.sign_key)), "sign_key")
    der = _spki(public)
    private = None
    if key.sign_secret:
        secret = base64_bytes(key.sign_secret)
        private = _rsa(lambda: crypto.serialization.load_der_private_key(secret, None), "sign_secret")
        if _spki(private.public_key()) != der:
            raise UnusableKeyError("the halves of this public_key pair do not belong together")
    pss = crypto.padding.PSS(mgf=crypto.padding.MGF1(crypto.hashes.SHA256()), salt_length=_SALT_BYTES)
    sha256 = crypto.hashes.SHA256()

    def sign(string_to_sign: str) -> str:
        if private is None:
            raise UnusableKeyError("this key has no private half, it can only verify")
        signature: bytes = private.sign(utf8(string_to_sign), pss, sha256)
        return signature.hex()

    def verify(string_to_sign: str, signature: str) -> bool:
        try:
            public.verify(bytes.fromhex(signature), utf8(string_to_sign), pss, sha256)
        except Exception:  # InvalidSignature, or the error for a malformed signature.
            return False
        return True

    return hashlib.sha256(der).hexdigest()[:32], sign, verify


def _load_message_hmac(key: Key) -> Any:
    """The secret is base64 of 32 to 64 bytes, the `keyid` the sign_key."""
    secret = canonical_base64(key.sign_secret or "")
    if secret is None or not 32 <= len(secret) <= 64:
        raise UnusableKeyError("the secret of a message signature key is base64 of 32 to 64 bytes")
    if not re.fullmatch("[ -~]+", key.sign_key):
        raise UnusableKeyError("the key id of a message signature is printable ASCII")
    data = secret

    def sign(base: str) -> str:
        return base64_text(hmac.new(data, utf8(base), hashlib.sha256).digest())

    return key.sign_key, sign, lambda base, signature: same_text(signature, sign(base))


def _load_message_ed25519(key: Key) -> Any:
    """SPKI and PKCS#8 in base64 DER; the `keyid` is the JWK thumbprint (RFC 7638)."""
    crypto = _cryptography()
    serialization, ed25519 = crypto.serialization, crypto.ed25519
    public = _ed25519(lambda: serialization.load_der_public_key(canonical_base64(key.sign_key) or b""), ed25519.Ed25519PublicKey, "sign_key")
    raw: bytes = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    private = None
    if key.sign_secret:
        secret = canonical_base64(key.sign_secret) or b""
        private = _ed25519(lambda: serialization.load_der_private_key(secret, None), ed25519.Ed25519PrivateKey, "sign_secret")
        if _spki(private.public_key()) != _spki(public):
            raise UnusableKeyError("the halves of this Ed25519 pair do not belong together")

    def sign(base: str) -> str:
        if private is None:
            raise UnusableKeyError("this key has no private half, it can only verify")
        return base64_text(private.sign(utf8(base)))

    def verify(base: str, signature: str) -> bool:
        try:
            public.verify(canonical_base64(signature) or b"", utf8(base))
        except Exception:  # InvalidSignature, or a signature that is none
            return False
        return True

    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode("ascii")).digest()
    return base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode("ascii"), sign, verify


def _ed25519(parse: Callable[[], Any], kind: Any, half: str) -> Any:
    try:
        key = parse()
    except Exception:
        key = None
    if not isinstance(key, kind):
        # Without its cause, which may quote the key.
        raise UnusableKeyError(f"{half} of an Ed25519 pair is base64 DER of an Ed25519 key")
    return key


def _spki(public: Any) -> bytes:
    serialization = _cryptography().serialization
    der: bytes = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der


def _rsa(parse: Callable[[], Any], half: str) -> Any:
    try:
        key = parse()
    except Exception:
        # The cause is omitted, because it may quote the key.
        raise UnusableKeyError(f"{half} of a public_key pair is base64 DER") from None
    rsa = _cryptography().rsa
    if not isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        raise UnusableKeyError(f"{half} of a public_key pair is an RSA key")
    if key.key_size < _RSA_BITS_MIN:
        raise UnusableKeyError(f"an RSA key has at least {_RSA_BITS_MIN} bits")
    return key


class _Cryptography(NamedTuple):
    ciphers: Any
    hashes: Any
    serialization: Any
    padding: Any
    rsa: Any
    ed25519: Any


def _cryptography() -> _Cryptography:
    """The extra `crypto`, which is imported when a key needs it, so that other keys need only the standard library."""
    try:
        from cryptography.hazmat.primitives import ciphers, hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
        from cryptography.hazmat.primitives.ciphers import algorithms, modes  # noqa: F401 (attributes of `ciphers`)
    except ImportError:
        raise UnusableKeyError("this kind of key needs the extra `crypto` of signet-signing: the package `cryptography`") from None
    return _Cryptography(ciphers, hashes, serialization, padding, rsa, ed25519)


def _message(name: str, load: Callable[[Key], Any]) -> Scheme:
    """Its signatures are in two headers of their own (message_signatures.py), never in Authorization."""
    return Scheme(name, True, load, lambda _: None, lambda _: "", True)


#: By key type or, for types with algorithms, by algorithm.
_SCHEMES: Dict[str, Scheme] = {
    "hmac": _signed("SDK-HMAC-SHA256", _load_hmac),
    "basic": Scheme("Basic", False, _load_basic, _parse_basic, _format_basic),
    "public_key": _signed("SIGNET-RSA-PSS-SHA256", _load_public_key),
    "aes-128-cfb": _signed("SIGNET-AES-128-CFB-MAC", _load_aes("aes-128-cfb", 16)),
    "aes-256-cfb": _signed("SIGNET-AES-256-CFB-MAC", _load_aes("aes-256-cfb", 32)),
    "ed25519": _message("ed25519", _load_message_ed25519),
    "hmac-sha256": _message("hmac-sha256", _load_message_hmac),
}
#: The types with algorithms, and these.
_ALGORITHMS = {"aes": ("aes-128-cfb", "aes-256-cfb"), "http-message-signatures": ("ed25519", "hmac-sha256")}
_BY_NAME = {scheme.name.lower(): scheme for scheme in _SCHEMES.values() if not scheme.message_signatures}
_BY_ALG = {scheme.name: scheme for scheme in _SCHEMES.values() if scheme.message_signatures}


def scheme_named(name: str) -> Optional[Scheme]:
    """Finds a scheme by the first word of an Authorization header, in any case (RFC 9110 §11.1)."""
    return _BY_NAME.get(name.lower()) if name.isascii() else None


def message_scheme_named(alg: str) -> Optional[Scheme]:
    """By the `alg` parameter of a message signature."""
    return _BY_ALG.get(alg)


def _scheme_of(material: Key) -> Optional[Scheme]:
    algorithms = _ALGORITHMS.get(material.sign_type)
    if algorithms is not None:
        return _SCHEMES[material.sign_algorithm] if material.sign_algorithm in algorithms else None
    return None if any(material.sign_type in each for each in _ALGORITHMS.values()) else _SCHEMES.get(material.sign_type)


#: Parsed keys, for as long as their material lives.
_loaded: "weakref.WeakKeyDictionary[Key, LoadedKey]" = weakref.WeakKeyDictionary()


def load_key(material: Key) -> LoadedKey:
    """Raises UnusableKeyError."""
    if (
        not isinstance(material, Key)
        or not isinstance(material.sign_type, str)
        or not isinstance(material.sign_key, str)
        or not all(isinstance(each, (str, type(None))) for each in (material.sign_secret, material.sign_algorithm, material.id))
    ):
        raise UnusableKeyError("a key has a sign_type, its algorithm and a sign_key")
    known = _loaded.get(material)
    if known is not None:
        return known
    scheme = _scheme_of(material)
    if scheme is None:
        raise UnusableKeyError("a key has a sign_type, its algorithm and a sign_key")
    # The value is a copy, because the cache would never drop a value that refers to its key.
    copy = Key(material.sign_type, material.sign_key, material.sign_secret, material.sign_algorithm, material.id)
    loaded = LoadedKey(copy, scheme, *scheme.load(copy))
    _loaded[material] = loaded
    return loaded
