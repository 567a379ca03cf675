"""Renews locks in a forked process, in which the thread that held a lock does not exist."""

from __future__ import annotations

import os
import weakref
from typing import Any, Callable

_renewals: "weakref.WeakKeyDictionary[Any, Callable[[Any], None]]" = weakref.WeakKeyDictionary()


def renew_in_forks(owner: Any, renew: Callable[[Any], None]) -> None:
    """Calls `renew` with the owner in every process that is forked from this one. `renew` must not refer to the owner."""
    _renewals[owner] = renew


def _renew_all() -> None:
    for owner, renew in list(_renewals.items()):
        renew(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
