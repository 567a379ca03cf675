"""Stores accepted requests, so that each is accepted once."""

from __future__ import annotations

import threading
from typing import Dict

from .forks import renew_in_forks


class MemoryReplayStore:
    """
    For one process. Several processes need a shared store: an object with this `remember`, for example on Redis `SET … NX PXAT`.
    """

    #: Does no I/O, so an event loop may call it.
    blocking = False

    def __init__(self, limit: int = 1_000_000) -> None:
        """A store with `limit` entries refuses new requests instead of forgetting accepted ones."""
        self._limit = limit
        self._seen: Dict[str, float] = {}
        self._sweep_at = 0.0
        self._renew_lock()
        renew_in_forks(self, MemoryReplayStore._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def remember(self, id: str, expires_at: float, now: float) -> bool:
        """
        Stores an id atomically, and returns whether it is new: one of two calls with the same id returns True.
        From `expires_at` on, in seconds since the epoch, the signature is refused as too old.
        """
        with self._lock:
            if now >= self._sweep_at:
                self._sweep(now)
            if id in self._seen or len(self._seen) >= self._limit:
                return False
            self._seen[id] = expires_at
            if len(self._seen) >= self._limit:
                self._sweep_at = min(self._sweep_at, now + 1)
            return True

    def _sweep(self, now: float) -> None:
        self._seen = {id: expires_at for id, expires_at in self._seen.items() if expires_at >= now}
        # Expired entries are not removed on every call, because a full store would be scanned for every
        # request.
        self._sweep_at = now + (1 if len(self._seen) >= self._limit else 60)
