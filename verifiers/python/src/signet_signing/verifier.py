"""Verifies signed requests."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from typing import Any, Callable, Dict, Iterable, List, Optional, Union

from .authorization import parse_authorization
from .forks import renew_in_forks
from .keys import Key, LoadedKey, load_key
from .received import ParsedAuthorization
from .results import KeysUnavailable, Refusal, UnusableKeyError, Verification, Verified
from .service_keys import ServiceKeys, claiming_nothing
from .text import sha256_hex, utf8

_log = logging.getLogger("signet_signing")

#: Keys with an id, for a scheme: several while a key rotates, None if unknown.
KeyLookup = Callable[[str, str], Union[Iterable[Key], Key, None]]

DEFAULT_SKEW_SECONDS = 900
#: 12 MiB, the limit of gateways.
DEFAULT_LIMIT_BYTES = 12 * 1024 * 1024
_UNKNOWN_KEY = Refusal("unknown_key", "no key goes by this id here")
_NO_LOOK_UP = Refusal("keys_unavailable", "the keys could not be looked up")
_NO_STORE = Refusal("store_unavailable", "the replay store did not answer")
#: Clients decide how many requests are refused, so report-only mode logs a line per code and this many seconds.
_LOG_SECONDS = 1.0


class Verifier:
    """
    Verifies requests with a fixed list of keys, with the keys of the service (`ServiceKeys`), or with your own look-up.
    Safe for use by several threads.
    """

    def __init__(
        self,
        keys: Union[Iterable[Key], KeyLookup],
        *,
        skew_seconds: float = DEFAULT_SKEW_SECONDS,
        allow_unsigned_payload: bool = False,
        signature_header: str = "authorization",
        replay_store: Any = None,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        report_only: bool = False,
        script_name_header: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        `skew_seconds` is the largest accepted distance between X-Sdk-Date, or `created`, and now, in either
        direction.
        `signature_header` is the header with the gateway's signature (`backend_sign_header`). `replay_store`: see
        MemoryReplayStore; without one, a request can be repeated within the time window. `limit_bytes` is the largest
        body that a middleware reads. With `report_only`, middlewares accept every request, and log and count what they
        would refuse; `verify` is unchanged. With `script_name_header`, middlewares under WSGI accept a request with the
        header SCRIPT_NAME, from which gunicorn 20.1, among others, takes the part of the path that routers leave out.
        Use it only behind a proxy that sets or removes this header. `now` returns seconds since the epoch.

        Raises UnusableKeyError when a key of a fixed list is invalid.
        """
        self._find: Callable[[str, str], List[LoadedKey]] = _look_up(keys) if callable(keys) else _indexed(keys)
        self._keys_change = callable(keys)
        if report_only and callable(keys):
            if isinstance(keys, ServiceKeys):
                keys.claim_nothing()
            # The look-up may be a function that calls ServiceKeys.
            self._find = claiming_nothing(self._find)
        self._skew_seconds = skew_seconds
        self._allow_unsigned_payload = allow_unsigned_payload
        self._signature_header = signature_header
        self._replay_store = replay_store
        self._now = now
        self.limit_bytes = limit_bytes
        self.report_only = report_only
        self.script_name_header = script_name_header
        #: Whether a look-up or a replay store may do I/O, which an event loop must not wait for.
        self.blocking = (callable(keys) and getattr(keys, "blocking", True)) or (
            replay_store is not None and getattr(replay_store, "blocking", True)
        )
        self._counts: Counter[str] = Counter()
        self._logged_at: Dict[str, float] = {}
        self._renew_lock()
        renew_in_forks(self, Verifier._renew_lock)

    def _renew_lock(self) -> None:
        self._counts_lock = threading.Lock()

    def verify(self, method: str, url: str, headers: Any, body: Any) -> Verification:
        """
        `url` is the target as received, with undecoded path and query, before a router removed a prefix. `body` is the
        bytes as received, never a parsed body, or None if the request has none.

        Never raises: a look-up or a replay store that fails is `keys_unavailable` or `store_unavailable`.
        """
        begun = self.begin(method, url, headers)
        return begun if isinstance(begun, Refusal) else begun.finish(body)

    def begin(self, method: str, url: str, headers: Any) -> Union[Begun, Refusal]:
        """
        The first of two steps, which checks everything that the headers show, including unknown keys. So no
        unauthenticated body is read.
        """
        authorization = parse_authorization(method, url, headers, self._signature_header)
        if isinstance(authorization, Refusal):
            return authorization
        if authorization.scheme.covers_request:
            skew = self._skew(authorization, self._now())
            if skew is not None:
                return skew
            if not authorization.body_signed and not self._allow_unsigned_payload:
                return Refusal("body_unsigned", "the signature does not cover the body")
        found = self._candidates(authorization)
        if isinstance(found, Refusal):
            return found
        return Begun(self, authorization)

    @property
    def counts(self) -> Dict[str, int]:
        """
        The number of requests by decision of the middlewares so far: `accepted`, or the code of a refusal, also one in
        report-only mode.
        """
        with self._counts_lock:
            return dict(self._counts)

    def count(self, outcome: str) -> None:
        """For middlewares."""
        with self._counts_lock:
            self._counts[outcome] += 1

    def lets_pass(self, refusal: Refusal, method: str, url: str) -> bool:
        """For middlewares: counts a refusal. Returns True in report-only mode, which logs it without query and header values."""
        self.count(refusal.code)
        if self.report_only and self._log_is_due(refusal.code):
            path = url.partition("?")[0][:200].encode("ascii", "backslashreplace").decode("ascii")
            _log.warning("would refuse %r %r: %s (%s)", method[:20], path, refusal.code, refusal.hint)
        return self.report_only

    def _log_is_due(self, code: str) -> bool:
        with self._counts_lock:
            now = time.monotonic()
            due = now - self._logged_at.get(code, -math.inf) >= _LOG_SECONDS
            if due:
                self._logged_at[code] = now
            return due

    def _candidates(self, authorization: ParsedAuthorization) -> Union[List[LoadedKey], Refusal]:
        """Keys of another scheme do not count, because the header must not choose how a secret is used."""
        access_id, scheme = authorization.credentials.access_id, authorization.scheme
        try:
            found = self._find(access_id, scheme.name)
        except KeysUnavailable as error:
            return Refusal("keys_unavailable", str(error))
        except Exception as error:
            # The text of the error is omitted, because it may contain the key that was looked up.
            _log.error("the look-up of keys failed: %s", type(error).__name__)
            return _NO_LOOK_UP
        return [key for key in found if key.scheme is scheme and key.access_id == access_id] or _UNKNOWN_KEY

    def _skew(self, authorization: ParsedAuthorization, now: float) -> Optional[Refusal]:
        skew = abs(now - authorization.signed_at)
        # Not `>`, so that a NaN clock refuses.
        if not skew <= self._skew_seconds:
            away = math.floor(skew + 0.5) if math.isfinite(skew) else skew
            date = "created" if authorization.scheme.message_signatures else "X-Sdk-Date"
            return Refusal("skew", f"{date} is {away} s away from the clock here")
        if authorization.expires_at is not None and not now <= authorization.expires_at:
            return Refusal("skew", "the signature has ended: expires is over")
        return None

    def _conclude(self, authorization: ParsedAuthorization, body: Any) -> Verification:
        found = self._candidates(authorization)
        if isinstance(found, Refusal):
            return found
        signed = authorization.signed_content(body)
        if isinstance(signed, Refusal):
            return signed
        credentials = authorization.credentials
        remembered: Optional[str] = None
        while True:
            signer = next((key for key in found if key.verify(signed.string_to_sign, credentials.signature)), None)
            if signer is None:
                return Refusal("signature_mismatch", "signed with another secret, or changed on the way: compare with explain()")
            if not signed.body_matches():
                announced = "Content-Digest" if authorization.scheme.message_signatures else "X-Sdk-Content-Sha256"
                return Refusal("body_hash_mismatch", f"the body is not the one that {announced} announces")
            if authorization.scheme.covers_request:
                # What was signed, since the case of a hexadecimal signature varies. Requests of Basic all look alike.
                what = signed.string_to_sign
                if authorization.scheme.message_signatures:
                    # A signature base may be long.
                    what = f"{authorization.scheme.name} {sha256_hex(utf8(what))}"
                id = f"{signer.key_id} {what}"
                refusal = self._too_late_or_again(authorization, id, id == remembered)
                if refusal is not None:
                    return refusal
                remembered = id
            if not self._keys_change:
                break
            # The key may have been deleted meanwhile, and this process may have confirmed that. Nothing that
            # takes time follows this check.
            found = self._candidates(authorization)
            if isinstance(found, Refusal):
                return found
            if any(key.material == signer.material for key in found):
                break
        names = credentials.signed_headers
        return Verified(signer.key_id, authorization.body_signed, tuple(names.lower().split(";")) if names else ())

    def _too_late_or_again(self, authorization: ParsedAuthorization, id: str, remembered: bool) -> Optional[Refusal]:
        """
        Checks the date before and after the body, because a client can delay its body until the replay store has
        forgotten the request.
        """
        now = self._now()
        refusal = self._skew(authorization, now)
        if refusal is not None or self._replay_store is None or remembered:
            return refusal
        try:
            fresh = self._replay_store.remember(id, authorization.signed_at + self._skew_seconds, now)
        except Exception as error:
            _log.error("the replay store failed: %s", type(error).__name__)
            return _NO_STORE
        if fresh is not True:
            return Refusal("replayed", "this very request was accepted before")
        return self._skew(authorization, self._now())


class Begun:
    """A request with valid headers and a known key."""

    def __init__(self, verifier: Verifier, authorization: ParsedAuthorization) -> None:
        self._verifier = verifier
        self._authorization = authorization

    def finish(self, body: Any) -> Verification:
        return self._verifier._conclude(self._authorization, body)


def _indexed(keys: Iterable[Key]) -> Callable[[str, str], List[LoadedKey]]:
    index: Dict[str, List[LoadedKey]] = {}
    for key in map(load_key, keys):
        index.setdefault(key.access_id, []).append(key)
    return lambda access_id, _: index.get(access_id, [])


def _look_up(keys: KeyLookup) -> Callable[[str, str], List[LoadedKey]]:
    def find(access_id: str, scheme: str) -> List[LoadedKey]:
        found: Optional[Union[Iterable[Key], Key]] = keys(access_id, scheme)
        if found is None:
            return []
        return [key for key in map(_usable, [found] if isinstance(found, Key) else found) if key is not None]

    return find


def _usable(key: Key) -> Optional[LoadedKey]:
    """Returns None for a key that cannot be loaded, which cannot have signed."""
    try:
        return load_key(key)
    except UnusableKeyError:
        return None
