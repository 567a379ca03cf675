"""Tests over a socket whether real servers pass the target and the body as they were sent."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import unittest
from importlib.util import find_spec

from signet_signing import sign

from .arrived import HMAC

APPS = '''
from signet_signing import Key, Verifier
from signet_signing import asgi, wsgi

verifier = Verifier([Key("hmac", "access-key", "Secret-0123456789")])

def plain(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [environ["wsgi.input"].read()]

async def coroutine(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": (await receive())["body"]})

wsgi_app = wsgi.SignatureMiddleware(plain, verifier)
asgi_app = asgi.SignatureMiddleware(coroutine, verifier)
'''


class Servers(unittest.TestCase):
    def serve(self, *command):
        """A server on a socket that listens already, so that tests need not wait for it."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with open(os.path.join(folder.name, "apps.py"), "w", encoding="ascii") as file:
            file.write(APPS)
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        path = os.pathsep.join([folder.name, *sys.path])
        command = [part.replace("FD", str(listening.fileno())) for part in command]
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder.name,
            env={**os.environ, "PYTHONPATH": path},
            pass_fds=[listening.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.port = listening.getsockname()[1]

    def send(self, url, body, sent_body=None, chunked=False, target=None, more=None):
        host = f"127.0.0.1:{self.port}"
        headers = {**sign("POST", url, host, body, HMAC), **(more or {})}
        connection = http.client.HTTPConnection(host, timeout=60)
        self.addCleanup(connection.close)
        sent = body if sent_body is None else sent_body
        connection.request("POST", target or url, iter([sent[:3], sent[3:]]) if chunked else sent, headers, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read()

    def check(self):
        for url in ("/v1/orders?b=2&a=1", "/a%2Fb/%E4%B8%AD?x=%2B+%20", "//a/./b"):
            self.assertEqual(self.send(url, b'{"n":1}'), (200, b'{"n":1}'), url)
        self.assertEqual(self.send("/v1/orders", b'{"n":1}', chunked=True), (200, b'{"n":1}'))
        self.assertEqual(self.send("/v1/orders", b'{"n":1}', b'{"n":2}')[0], 401)
        self.assertEqual(self.send("/v1/orders", b"", b'{"n":2}', chunked=True)[0], 401)
        for url, target in (("/a%23b?c=1", "/a#b?c=1"), ("/admin", "http://h#/admin"), ("/a?x=1%23&y=2", "/a?x=1#&y=2")):
            self.assertIn(self.send(url, b"", target=target)[0], (400, 401), target)

    @unittest.skipUnless(find_spec("gunicorn"), "gunicorn is not installed")
    def test_gunicorn(self):
        self.serve("gunicorn", "--bind", "fd://FD", "apps:wsgi_app")
        self.check()
        for prefix in ("/v1", "/v1/orders"):
            self.assertIn(self.send("/v1/orders", b"", more={"SCRIPT_NAME": prefix})[0], (400, 401))

    @unittest.skipUnless(find_spec("uvicorn"), "uvicorn is not installed")
    def test_uvicorn(self):
        self.serve("uvicorn", "--fd", "FD", "apps:asgi_app")
        self.check()
