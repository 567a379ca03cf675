"""Signs as a gateway does, for tests of a backend that has no gateway."""

from __future__ import annotations

import secrets
import time
from typing import Any, Callable, Dict, Optional

from .keys import Key
from .signer import sign

#: Reported by the verifier for requests of a TestSigner.
TEST_KEY_ID = "test-key"


class TestSigner:
    """Signs requests with a key that exists in one test run only. Give the backend under test `key`, and nothing else."""

    #: pytest must not take it for a class of tests.
    __test__ = False

    def __init__(self, key: Optional[Key] = None) -> None:
        """`key`: default is a new one of the type `hmac`."""
        self.key = key or Key("hmac", f"test-{secrets.token_hex(8)}", secrets.token_hex(32), id=TEST_KEY_ID)

    def headers(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        host: str = "localhost",
        now: Callable[[], float] = time.time,
    ) -> Dict[str, str]:
        """
        The headers of a signed request, `host` included. `url` is the target to be sent, path and query, encoded; `host` what the test
        client sends: `localhost` (Flask), `testserver` (Starlette, FastAPI, Django).

        To test a refusal, change the request after it was signed, or sign it with another signer or another time.
        """
        return {"host": host, **sign(method, url, host, body, self.key, now=now)}
