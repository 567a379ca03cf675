"""The middleware for ASGI applications on asyncio."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Dict, List, Optional, Tuple, Union

from .admission import SIGNATURE, decoded_target, settle, too_large
from .results import Refusal, Verification
from .verifier import Begun, Verifier

__all__ = ["SIGNATURE", "SignatureMiddleware"]

Message = Dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Hashing more than this takes longer than an event loop may wait.
_INLINE_BYTES = 1024 * 1024


def asgi_target(scope: Message) -> str:
    raw: Optional[bytes] = scope.get("raw_path")
    query: str = scope.get("query_string", b"").decode("latin-1")
    if not raw:
        return decoded_target(scope["path"].encode("utf-8", "surrogatepass").decode("latin-1"), query)
    # Some test clients also put the query into it.
    return raw.partition(b"?")[0].decode("latin-1") + (f"?{query}" if query else "")


class SignatureMiddleware:
    """
    Passes verified requests to the application, with the Verified in `scope["signet_signing.signature"]`. The handshake of a WebSocket is
    verified as the GET that it is; no signature covers its messages.
    """

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]], verifier: Verifier) -> None:
        self._app = app
        self._verifier = verifier

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            raise NotImplementedError(f"a connection of the type {scope['type']} has no signature")
        scope = {**scope, SIGNATURE: None}
        method, url = scope.get("method", "GET"), asgi_target(scope)
        begun: Union[Begun, Refusal] = await self._run(self._verifier.blocking, self._verifier.begin, method, url, scope["headers"])
        verdict: Verification
        # The body of a request that its headers refuse is not read.
        if isinstance(begun, Refusal):
            verdict = begun
        else:
            body: Optional[bytes] = b""
            if scope["type"] == "http":
                body, messages = await _read_body(receive, self._verifier.limit_bytes)
                if messages is None:
                    return
                receive = _replayed(messages, receive)
            if body is None:
                verdict = too_large(self._verifier.limit_bytes)
            else:
                verdict = await self._run(self._verifier.blocking or len(body) > _INLINE_BYTES, begun.finish, body)
        answer = settle(self._verifier, scope, verdict, method, url)
        if answer is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in answer.headers]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "http.response.body", "body": answer.body})

    @staticmethod
    async def _run(elsewhere: bool, step: Callable[..., Any], *arguments: Any) -> Any:
        if not elsewhere:
            return step(*arguments)
        return await asyncio.get_running_loop().run_in_executor(None, step, *arguments)


async def _read_body(receive: Receive, limit_bytes: int) -> Tuple[Optional[bytes], Optional[List[Message]]]:
    """Returns the body, or None if it is too long, and the messages to replay, or None if the client has disconnected."""
    parts: List[bytes] = []
    read = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None, None
        part = message.get("body", b"")
        parts.append(part)
        read += len(part)
        more = message.get("more_body", False)
        if read > limit_bytes or not more:
            body = b"".join(parts)
            return (None if read > limit_bytes else body), [{"type": "http.request", "body": body, "more_body": more}]


def _replayed(messages: List[Message], receive: Receive) -> Receive:
    """The application reads exactly the bytes that were verified."""

    async def replayed() -> Message:
        return messages.pop(0) if messages else await receive()

    return replayed
