import asyncio
import unittest

from signet_signing import Verifier
from signet_signing.asgi import SIGNATURE, SignatureMiddleware

from .adapters import Adapter, answer_of
from .arrived import HMAC, now, signed
from .asgi_calls import call_asgi, scope_of


async def app(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer_of(scope[SIGNATURE], body)})


class Asgi(Adapter, unittest.TestCase):
    def call(self, verifier, *request):
        return call_asgi(SignatureMiddleware(app, verifier), *request)

    def test_a_large_body_and_a_look_up_of_your_own_do_not_run_on_the_event_loop(self):
        threads = []

        def keys(*_):
            import threading

            threads.append(threading.current_thread() is threading.main_thread())
            return HMAC

        large = signed(body=b"x" * 2_000_000)
        self.assertEqual(call_asgi(SignatureMiddleware(app, Verifier(keys, now=now)), *large)[0], 200)
        self.assertEqual(set(threads), {False})

    def test_no_body_of_a_stranger_is_read(self):
        async def receive():
            raise AssertionError("the body was read")

        sent = []

        async def send(message):
            sent.append(message)

        asyncio.run(SignatureMiddleware(app, self.verifier())(scope_of("POST", "/", {"host": "h"}), receive, send))
        self.assertEqual(sent[0]["status"], 401)

    def test_a_body_without_an_end_is_read_up_to_the_limit(self):
        sent, parts = [], []

        async def receive():
            parts.append(b"x" * 300)
            return {"type": "http.request", "body": parts[-1], "more_body": len(parts) < 100}

        async def send(message):
            sent.append(message)

        asyncio.run(SignatureMiddleware(app, self.verifier())(scope_of(*signed()[:3]), receive, send))
        self.assertEqual((sent[0]["status"], len(parts)), (413, 4))

    def test_a_client_that_leaves_is_not_answered(self):
        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            raise AssertionError(message)

        asyncio.run(SignatureMiddleware(app, self.verifier())(scope_of(*signed()[:3]), receive, send))

    def test_the_handshake_of_a_websocket_is_verified(self):
        reached = []

        async def socket(scope, receive, send):
            reached.append(scope[SIGNATURE].key_id)
            await receive()

        def connect(headers):
            sent = []

            async def receive():
                return {"type": "websocket.connect"}

            async def send(message):
                sent.append(message)

            scope = scope_of("GET", "/ws", headers, "websocket")
            del scope["method"]
            asyncio.run(SignatureMiddleware(socket, self.verifier())(scope, receive, send))
            return sent

        self.assertEqual(connect(signed(method="GET", url="/ws", body=b"")[2]), [])
        self.assertEqual(reached, ["access-key"])
        self.assertEqual(connect({"host": "h"}), [{"type": "websocket.close", "code": 1008}])
        self.assertEqual(len(reached), 1)

    def test_lifespan_passes_and_an_unknown_kind_of_connection_does_not(self):
        kinds = []

        async def any_app(scope, receive, send):
            kinds.append(scope["type"])

        middleware = SignatureMiddleware(any_app, self.verifier())
        asyncio.run(middleware({"type": "lifespan"}, None, None))
        with self.assertRaises(NotImplementedError):
            asyncio.run(middleware({"type": "other"}, None, None))
        self.assertEqual(kinds, ["lifespan"])

    def test_servers_without_raw_path_pass_what_has_no_encoded_slash(self):
        for url, status in (("/v1/%E4%B8%AD?x=%2B+", 200), ("/a%2Fb", 401)):
            method, _, headers, body = signed(url=url)
            scope = scope_of(method, url, headers)
            del scope["raw_path"]
            answered = call_asgi(SignatureMiddleware(app, self.verifier()), method, url, headers, body, scope=scope)
            self.assertEqual(answered[0], status)
