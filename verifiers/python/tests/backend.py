"""A backend with the keys of a service, for tests in another language. Settings come from its environment."""

import os
import signal
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from signet_signing import ServiceKeys, Verifier
from signet_signing.wsgi import SIGNATURE, SignatureMiddleware


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    signature = environ[SIGNATURE]
    return [f"signed with {signature and signature.key_id}".encode()]


keys = ServiceKeys(os.environ["SERVICE_URL"], os.environ["INSTANCE_ID"], token=os.environ["TOKEN"], name="orders-backend")
verifier = Verifier(keys, report_only="REPORT_ONLY" in os.environ)
if not keys.wait_until_ready(60):
    sys.exit("no keys came")
# An exit by a signal also reports that this process accepts nothing any more.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
make_server("127.0.0.1", int(os.environ["PORT"]), SignatureMiddleware(app, verifier), handler_class=Quiet).serve_forever()
