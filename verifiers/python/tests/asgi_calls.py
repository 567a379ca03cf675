"""Calls an ASGI application as a server would."""

import asyncio
import json
from urllib.parse import unquote


def scope_of(method, target, headers, kind="http"):
    path, _, query = target.partition("?")
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("h", 80),
        "client": ("c", 1),
        "extensions": {},
    }


def call_asgi(app, method, target, headers, body, parts=3, scope=None):
    """The body in several parts, and without Content-Length."""
    size = max(1, -(-len(body) // parts))
    chunks = [body[i : i + size] for i in range(0, len(body), size)] or [b""]
    messages = [{"type": "http.request", "body": chunk, "more_body": i < len(chunks) - 1} for i, chunk in enumerate(chunks)]
    sent = []

    async def run():
        gone = asyncio.Event()

        async def receive():
            if messages:
                return messages.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                gone.set()

        await app(scope or scope_of(method, target, headers), receive, send)

    asyncio.run(run())
    start = sent[0]
    answer = b"".join(message.get("body", b"") for message in sent[1:])
    return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, json.loads(answer)
