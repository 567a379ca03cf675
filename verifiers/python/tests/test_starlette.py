import unittest

try:
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError:
    raise unittest.SkipTest("Starlette is not installed") from None

from signet_signing.starlette import SignatureMiddleware, signature_of

from .adapters import Adapter, answer_of
from .arrived import BODY, signed
from .asgi_calls import call_asgi


async def any_path(request):
    return Response(answer_of(signature_of(request), await request.body()))


class Starlettes(Adapter, unittest.TestCase):
    def call(self, verifier, *request):
        app = Starlette(routes=[Route("/{path:path}", any_path, methods=["GET", "POST"])])
        app.add_middleware(SignatureMiddleware, verifier=verifier)
        return call_asgi(app, *request)


class FastApi(Adapter, unittest.TestCase):
    def application(self, verifier):
        try:
            from fastapi import Depends, FastAPI, Request
        except ImportError:
            self.skipTest("FastAPI is not installed")
        app = FastAPI()
        app.add_middleware(SignatureMiddleware, verifier=verifier)

        @app.post("/parsed")
        async def parsed(order: dict, signature=Depends(signature_of)):
            return {"order": order, "key": signature.key_id}

        @app.api_route("/{path:path}", methods=["GET", "POST"])
        async def any_path(request: Request, signature=Depends(signature_of)):
            return Response(answer_of(signature, await request.body()))

        return app

    def call(self, verifier, *request):
        return call_asgi(self.application(verifier), *request)

    def test_fastapi_parses_the_verified_body(self):
        method, url, headers, body = signed(url="/parsed")
        _, _, answer = self.call(self.verifier(), method, url, {**headers, "content-type": "application/json"}, BODY)
        self.assertEqual(answer, {"order": {"n": 1}, "key": "access-key"})

    def test_a_route_without_the_middleware_answers_nobody(self):
        app = self.application(self.verifier())
        app.user_middleware.clear()
        app.middleware_stack = app.build_middleware_stack()
        with self.assertRaises(KeyError):
            call_asgi(app, *signed())
