import unittest

try:
    import flask
except ImportError:
    raise unittest.SkipTest("Flask is not installed") from None

from signet_signing.flask import protect, signature_of_request

from .adapters import Adapter, answer_of
from .arrived import BODY, signed
from .wsgi_calls import call_wsgi, environ_of


def application(verifier):
    app = flask.Flask("backend")
    protect(app, verifier)

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    def any_path(path):
        return flask.Response(answer_of(signature_of_request(), flask.request.get_data()), content_type="application/json")

    app.url_map.merge_slashes = False
    return app


class Flask(Adapter, unittest.TestCase):
    def call(self, verifier, *request, **options):
        return call_wsgi(application(verifier), environ_of(*request, **options))

    def test_flask_parses_the_verified_body(self):
        app = flask.Flask("backend")
        protect(app, self.verifier())
        app.post("/v1/orders")(lambda: flask.request.get_json(force=True))
        self.assertEqual(call_wsgi(app, environ_of(*signed()))[2], {"n": 1})

    def test_a_blueprint_is_protected_alone(self):
        app = flask.Flask("backend")
        blueprint = flask.Blueprint("orders", "orders")
        protect(blueprint, self.verifier())
        blueprint.post("/v1/orders")(lambda: {"key": signature_of_request().key_id})
        app.register_blueprint(blueprint)
        app.get("/health")(lambda: {"up": True})
        self.assertEqual(call_wsgi(app, environ_of(*signed()))[2], {"key": "access-key"})
        self.assertEqual(call_wsgi(app, environ_of("POST", "/v1/orders", {"host": "h"}, BODY))[0], 401)
        self.assertEqual(call_wsgi(app, environ_of("GET", "/health", {"host": "h"}, b""))[0], 200)

    def test_a_body_that_was_read_before_is_refused(self):
        for read in (
            lambda request: request.form.get("csrf"),
            lambda request: request.files.get("file"),
            lambda request: request.get_data(),
            lambda request: request.get_data(cache=False),
            lambda request: request.get_json(force=True, silent=True),
            lambda request: request.stream.read(),
        ):
            for chunked in (False, True):
                app = flask.Flask("backend")
                blueprint = flask.Blueprint("payments", "payments")
                # This runs before every function of a blueprint, like an extension against forged forms.
                app.before_request(lambda: read(flask.request) and None)
                protect(blueprint, self.verifier())
                blueprint.post("/pay")(lambda: flask.request.form.to_dict())
                app.register_blueprint(blueprint)
                # The signature covers an empty body.
                method, url, headers, _ = signed(url="/pay", body=b"")
                environ = environ_of(method, url, headers, b"amount=1000000", chunked=chunked)
                environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
                self.assertEqual(call_wsgi(app, environ)[2].get("code"), "malformed")
