"""The keys of the service, kept current."""

from __future__ import annotations

import atexit
import http.client
import json
import logging
import os
import random
import re
import secrets
import socket
import ssl
import threading
import time
from contextvars import ContextVar
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar
from urllib.parse import quote, urlsplit

from .forks import renew_in_forks
from .keys import Key, load_key
from .results import KeysUnavailable, UnusableKeyError

_log = logging.getLogger("signet_signing")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_REVISION = re.compile(r'(?:W/)?"([0-9]{1,15})-')
_TIMEOUT_SECONDS = 3.0
_WAIT_SECONDS = 20
_RETRY_FIRST_SECONDS = 0.1
_RETRY_LONGEST_SECONDS = 5.0
_AGE_LEAST_SECONDS, _AGE_MOST_SECONDS = 10, 30 * 86_400
_ANSWER_BYTES_MAX = 64 * 1024 * 1024
#: The token is no longer valid, may not read the keys, or its gateway does not exist: nothing says that the keys are still valid.
_ENDED_STATUSES = (401, 403, 404)
#: Without an ETag to send back there is nothing to wait for.
_CLAIMLESS_PAUSE_SECONDS = 5.0
#: Something on the way may drop If-None-Match or Prefer, and a service that stops answers at once: the next request is not sent at once then.
_UNCHANGED_PAUSE_SECONDS = 1.0


#: Whether the look-up under way is one of a report-only Verifier.
_for_report_only: ContextVar[bool] = ContextVar("signet_signing_for_report_only", default=False)

_Found = TypeVar("_Found")


def claiming_nothing(look_up: Callable[[str, str], _Found]) -> Callable[[str, str], _Found]:
    """From then on, every ServiceKeys that the look-up calls, also indirectly, claims nothing in receipts."""

    def marked(access_id: str, scheme: str) -> _Found:
        outer = _for_report_only.set(True)
        try:
            return look_up(access_id, scheme)
        finally:
            _for_report_only.reset(outer)

    return marked


class _Held(NamedTuple):
    etag: str
    revision: int
    #: By scheme and access id: what a look-up asks for.
    by_id: Dict[Tuple[str, str], List[Key]]
    #: When the request was sent whose answer last confirmed these keys.
    as_of: Tuple[float, ...]


def _clocks() -> Tuple[float, ...]:
    """The monotonic clock may stop while the machine sleeps, and the wall clock can be set. Linux has a clock without both problems."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return (time.monotonic(), time.time()) + (() if boot is None else (time.clock_gettime(boot),))


class ServiceKeys:
    """
    Fetches the keys of a gateway from the service and keeps them current by long polling: the service answers as soon as keys change, so
    a deleted key is refused, and a new one accepted, at once. It fails closed: without keys, with keys above their maximum age, and
    after its credential has ended, every request is refused (`keys_unavailable`).

    Receipts list this process by `name` and `process_id`, with the newest `revision` whose keys it has shown to hold. A
    forked process has its own id and fetches its own keys.
    """

    #: A look-up does no I/O, so an event loop may call it.
    blocking = False

    def __init__(
        self,
        url: str,
        instance_id: str,
        *,
        token: Optional[str] = None,
        token_file: Optional[str] = None,
        name: str,
        max_age_seconds: Optional[int] = 300,
        ssl_context: Optional[ssl.SSLContext] = None,
        allow_plaintext: bool = False,
    ) -> None:
        """
        `url` is the URL of the service. `token` is a token with the role `verifier`; `token_file` is read before each
        request, so that a renewed token needs no restart. `name` is the name of this verifier in receipts.
        `max_age_seconds`: keys that were not confirmed for longer are not used, on which receipts rely (10 s to 30
        days; with None, a process that is cut off accepts deleted keys). `ssl_context` is for a private CA or a client
        certificate. `allow_plaintext` permits plain HTTP to another host.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("url is https://host[:port][/path]")
        if parts.scheme == "http" and not allow_plaintext and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("plain HTTP shows the keys to the network: use https, or allow_plaintext where you trust it")
        if (token is None) == (token_file is None):
            raise ValueError("pass token or token_file")
        if not _NAME.fullmatch(name):
            raise ValueError("name is 1 to 64 letters, digits, dots, underscores, colons or hyphens")
        if max_age_seconds is not None and not _AGE_LEAST_SECONDS <= max_age_seconds <= _AGE_MOST_SECONDS:
            raise ValueError(f"max_age_seconds is {_AGE_LEAST_SECONDS} to {_AGE_MOST_SECONDS}")
        self._parts = parts
        self._instance_id = instance_id
        self._path = f"{parts.path.rstrip('/')}/signet/v1/instances/{quote(instance_id, safe='')}/verification-keys"
        self._token = token
        self._token_file = token_file
        self._max_age_seconds = max_age_seconds
        self._wait_seconds = _WAIT_SECONDS if max_age_seconds is None else min(_WAIT_SECONDS, max_age_seconds // 3)
        self._tls = ssl_context or (ssl.create_default_context() if parts.scheme == "https" else None)
        self.name = name
        self._claims = True
        self._reset()
        renew_in_forks(self, ServiceKeys._reset)

    def _reset(self) -> None:
        """The state of one process. A forked process has neither the thread nor the lock's owner, and the service does not know it."""
        self._started = False
        self._lock = threading.Lock()
        #: Identifies the process in receipts; random, chosen at its start.
        self.process_id = secrets.token_urlsafe(12)
        self._held: Optional[_Held] = None
        self._why = "the keys have not arrived yet"
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._connection: Optional[http.client.HTTPConnection] = None
        self._thread: Optional[threading.Thread] = None

    def start(self) -> ServiceKeys:
        """Begins to fetch keys in a separate thread, as the first look-up does."""
        with self._lock:
            self._started = True
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._poll, name="signet-verification-keys", daemon=True)
                self._thread.start()
                atexit.register(self.stop)
        return self

    def claim_nothing(self) -> None:
        """
        For a report-only Verifier, which accepts everything. Receipts must not claim that this process refuses, so it
        sends no process id, ETag or maximum age, and receipts list it as `unknown`. Changes then arrive within seconds
        instead of at once.

        Raises ValueError when the keys are in use: the service was told otherwise already.
        """
        with self._lock:
            if self._claims and self._started:
                raise ValueError("make the report-only Verifier before the keys are started")
            self._claims = False

    def _claim_no_more(self) -> None:
        with self._lock:
            claimed = self._started and self._claims
            self._claims = False
        if claimed:
            _log.warning("a report-only Verifier uses keys that were started before it: receipts were told that this process refuses")

    def __call__(self, access_id: str, scheme: str) -> List[Key]:
        """The look-up of a Verifier. Raises KeysUnavailable."""
        if self._claims and _for_report_only.get():
            self._claim_no_more()
        held = self._current()
        if held is None:
            raise KeysUnavailable(self._why if self._held is None else "the keys are too old, the control plane does not answer")
        return held.by_id.get((scheme, access_id), [])

    @property
    def ready(self) -> bool:
        """Whether requests can be verified now, for a readiness probe."""
        return self._current() is not None

    @property
    def revision(self) -> Optional[int]:
        """The revision of the keys in use; None while there are none."""
        held = self._current()
        return None if held is None else held.revision

    @property
    def age_seconds(self) -> Optional[float]:
        """The time since the keys were last confirmed; None while there are none."""
        held = self._held
        return None if held is None else _age(held)

    def wait_until_ready(self, timeout_seconds: Optional[float] = None) -> bool:
        """Waits for keys. Returns whether they came in time."""
        self.start()
        with self._changed:
            return self._changed.wait_for(lambda: self._current() is not None or self._stop.is_set(), timeout_seconds) and self.ready

    def stop(self) -> None:
        """Drops the keys, and tells the service that this process accepts nothing any more. Also called when the process ends."""
        with self._lock:
            if not self._started or self._stop.is_set():
                return
            self._stop.set()
            thread, connection = self._thread, self._connection
        atexit.unregister(self.stop)
        self._why = "the verifier has stopped"
        self._hold(None)
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if thread is not None and thread is not threading.current_thread():
            thread.join(2 * _TIMEOUT_SECONDS)
        # The thread may have got keys after they were dropped.
        self._hold(None)
        if not self._claims:
            return
        leaving = self._connect(_TIMEOUT_SECONDS)
        try:
            leaving.request("DELETE", self._path, headers=self._headers(True))
            leaving.getresponse().read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            _log.warning("the service was not told that this verifier stops: %s", type(error).__name__)
        finally:
            leaving.close()

    def _current(self) -> Optional[_Held]:
        if not self._started:
            self.start()
        held = self._held
        if held is None or (self._max_age_seconds is not None and not _age(held) <= self._max_age_seconds):
            return None
        return held

    def _hold(self, held: Optional[_Held]) -> None:
        with self._changed:
            self._held = held if held is None or not self._stop.is_set() else None
            self._changed.notify_all()

    def _poll(self) -> None:
        stop = self._stop
        failures = 0
        while not stop.is_set():
            try:
                begun = time.monotonic()
                changed = self._fetch()
                failures = 0
                if not self._claims:
                    stop.wait(_CLAIMLESS_PAUSE_SECONDS)
                elif not changed and time.monotonic() - begun < _UNCHANGED_PAUSE_SECONDS:
                    stop.wait(_UNCHANGED_PAUSE_SECONDS)
            except Exception as error:  # After any error the keys age, and the next attempt may succeed.
                self._disconnect()
                if stop.is_set():
                    break
                failures += 1
                if failures == 1:
                    _log.warning("verification keys could not be fetched: %s", error if isinstance(error, _Unanswered) else type(error).__name__)
                longest = min(_RETRY_LONGEST_SECONDS, _RETRY_FIRST_SECONDS * 2 ** min(failures - 1, 10))
                stop.wait(longest * random.uniform(0.5, 1))
        self._disconnect()

    def _fetch(self) -> bool:
        """Sends one long poll, and returns whether other keys came. Raises if the service does not answer with keys."""
        claims = self._claims
        held = self._held if claims else None
        # Without keys, the answer is wanted at once.
        wait = self._wait_seconds if held is not None else 0
        headers = self._headers(claims)
        if held is not None:
            headers["if-none-match"] = held.etag
        if wait > 0:
            headers["prefer"] = f"wait={wait}"
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect(_TIMEOUT_SECONDS + wait)
        # The answer is at least as recent as its request, so the age counts from there.
        as_of = _clocks()
        if connection.sock is not None:
            connection.sock.settimeout(_TIMEOUT_SECONDS + wait)
        connection.timeout = _TIMEOUT_SECONDS + wait
        connection.request("GET", self._path, headers=headers)
        response = connection.getresponse()
        body = response.read(_ANSWER_BYTES_MAX + 1)
        if len(body) > _ANSWER_BYTES_MAX:
            raise _Unanswered("the answer is too long")
        if response.status == 200:
            etag = response.getheader("etag")
            if not etag:
                raise _Unanswered("the answer has no ETag")
            self._hold(_read(body, self._instance_id, etag, as_of))
            return held is None or held.etag != etag
        if response.status == 304 and held is not None:
            # The content is the same; its tag may name a newer revision.
            etag = response.getheader("etag") or held.etag
            named = _REVISION.match(etag)
            self._hold(held._replace(etag=etag, revision=int(named.group(1)) if named else held.revision, as_of=as_of))
            return False
        if response.status in _ENDED_STATUSES:
            self._why = "the control plane refuses to give keys to this verifier"
            self._hold(None)
        raise _Unanswered(f"the service answered {response.status}")

    def _headers(self, claims: bool) -> Dict[str, str]:
        token = self._token
        if self._token_file is not None:
            with open(self._token_file, encoding="ascii") as file:
                token = file.read().strip()
        headers = {"authorization": f"Bearer {token}", "signet-verifier": self.name, "accept": "application/json"}
        if not claims:
            return headers
        headers["signet-verifier"] += f"/{self.process_id}"
        if self._max_age_seconds is not None:
            headers["signet-max-key-age"] = str(self._max_age_seconds)
        return headers

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        """A client that follows no redirect, because the token is for this service only."""
        host, port = self._parts.hostname or "", self._parts.port
        if self._tls is not None:
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Unanswered(Exception):
    """The service did not answer with keys. The text holds no secret."""


def _age(held: _Held) -> float:
    return max(now - then for now, then in zip(_clocks(), held.as_of))


def _read(body: bytes, instance_id: str, etag: str, as_of: Tuple[float, ...]) -> _Held:
    """Raises _Unanswered when the answer does not have the form of keys, or has those of another gateway."""
    try:
        answer = json.loads(body)
        gateway, revision, keys = answer["instance_id"], int(answer["revision"]), [key for entry in answer["keys"] for key in _materials(entry)]
    except (ValueError, KeyError, TypeError):
        raise _Unanswered("the answer does not have the form of keys") from None
    # A proxy or a cache on the way may have returned the answer for another gateway.
    if gateway != instance_id:
        raise _Unanswered("the answer has the keys of another gateway")
    by_id: Dict[Tuple[str, str], List[Key]] = {}
    for key in keys:
        try:
            loaded = load_key(key)
        except UnusableKeyError as error:
            _log.warning("key %s is not used: %s", key.id, error)
            continue
        by_id.setdefault((loaded.scheme.name, loaded.access_id), []).append(key)
    return _Held(etag, revision, by_id, as_of)


def _materials(entry: Dict[str, Any]) -> List[Key]:
    # A verifier has no use for the private half of a pair.
    return [
        Key(
            sign_type=entry["sign_type"],
            sign_key=version["sign_key"],
            sign_secret=None if entry["sign_type"] == "public_key" else version["sign_secret"],
            sign_algorithm=entry.get("sign_algorithm"),
            id=entry["sign_id"],
        )
        for version in entry["versions"]
    ]
