import contextlib
import io
import unittest

from signet_signing.wsgi import SIGNATURE, SignatureMiddleware

from .adapters import LIMIT, Adapter, answer_of
from .arrived import BODY, signed
from .wsgi_calls import BodyRead, Unread, call_wsgi, environ_of


def app(environ, start_response):
    left = environ.get("CONTENT_LENGTH")
    body = environ["wsgi.input"].read(int(left)) if left else environ["wsgi.input"].read(10 * LIMIT)
    start_response("200 OK", [("content-type", "application/json")])
    return [answer_of(environ[SIGNATURE], body)]


class Wsgi(Adapter, unittest.TestCase):
    def call(self, verifier, *request, **options):
        return call_wsgi(SignatureMiddleware(app, verifier), environ_of(*request, **options), valid=True)

    def test_a_chunked_body_is_read_to_its_end(self):
        status, _, answer = call_wsgi(SignatureMiddleware(app, self.verifier()), environ_of(*signed(), chunked=True))
        self.assertEqual((status, answer["body"]), (200, BODY.decode()))
        for report_only, expected in ((False, 413), (True, 200)):
            long = signed(body=b"x" * (3 * LIMIT))
            verifier = self.verifier(report_only=report_only)
            with self.assertLogs("signet_signing") if report_only else contextlib.nullcontext():
                status, _, answer = call_wsgi(SignatureMiddleware(app, verifier), environ_of(*long, chunked=True))
            self.assertEqual(status, expected)
            self.assertTrue(not report_only or answer["body"] == "x" * (3 * LIMIT))

    def test_a_chunked_body_that_the_server_does_not_give_is_refused(self):
        environ = environ_of(*signed(), chunked=True)
        del environ["wsgi.input_terminated"]
        self.assertEqual(call_wsgi(SignatureMiddleware(app, self.verifier()), environ)[2]["code"], "malformed")

    def test_no_body_of_a_stranger_is_read(self):
        request = signed()[:3]
        status, _, answer = self.call(self.verifier(), "POST", "/", {"host": "h"}, Unread())
        self.assertEqual((status, answer["code"]), (401, "no_authorization"))
        # A body that announces more than the limit is not read either.
        environ = environ_of(*request, Unread())
        environ["CONTENT_LENGTH"] = str(LIMIT + 1)
        self.assertEqual(call_wsgi(SignatureMiddleware(app, self.verifier()), environ)[0], 413)
        with self.assertRaises(BodyRead):
            environ = environ_of(*request, Unread())
            environ["CONTENT_LENGTH"] = "7"
            call_wsgi(SignatureMiddleware(app, self.verifier()), environ)

    def test_the_application_sees_no_byte_that_was_not_verified(self):
        # The client sends more than it announces.
        environ = environ_of(*signed())
        environ["wsgi.input"] = type(environ["wsgi.input"])(BODY + b"more")
        seen = []

        def reading(environ, start_response):
            seen.append(environ["wsgi.input"].read())
            return app(environ, start_response)

        call_wsgi(SignatureMiddleware(reading, self.verifier()), environ)
        self.assertEqual(seen, [BODY])

    def test_servers_that_decode_the_target_pass_what_has_no_encoded_slash(self):
        for url, status in (("/v1/orders/%E4%B8%AD?x=%2B+%20&&y", 200), ("/a%3Fb", 200), ("/a%2Fb", 401)):
            self.assertEqual(self.call(self.verifier(), *signed(url=url), raw=None)[0], status)

    def refused(self, change, **options):
        """
        Returns the answer to a signed request with a change in its environment; in report-only mode, what the
        application still reads.
        """
        code = None
        for report_only in (False, True):
            environ = environ_of(*signed(**options))
            change(environ)
            verifier = self.verifier(report_only=report_only)
            with self.assertLogs("signet_signing") if report_only else contextlib.nullcontext():
                status, _, answer = call_wsgi(SignatureMiddleware(app, verifier), environ)
            if report_only:
                self.assertEqual((status, verifier.counts), (200, {code: 1}))
            else:
                code = answer["code"]
        return code, answer["body"]

    def test_a_body_that_was_read_before_or_ends_early_is_refused(self):
        def read(environ):
            environ["wsgi.input"].read()

        # The signature covers an empty body, and other code has parsed the body that arrived.
        def parsed(environ):
            environ["wsgi.input"] = io.BytesIO(b"amount=1000000")
            environ["CONTENT_LENGTH"] = str(len(environ["wsgi.input"].read()))

        def begun(environ):
            environ["wsgi.input"].read(2)

        self.assertEqual(self.refused(read), ("malformed", ""))
        self.assertEqual(self.refused(parsed, body=b""), ("malformed", ""))
        self.assertEqual(self.refused(begun), ("malformed", BODY.decode()[2:]))

    def test_the_application_routes_by_the_path_and_the_query_that_were_signed(self):
        def changed(**values):
            return lambda environ: environ.update(values)

        for change in (
            changed(PATH_INFO="/v1/admin"),
            changed(PATH_INFO="/orders"),
            changed(QUERY_STRING="b=2&a=1&role=admin"),
            changed(QUERY_STRING=""),
            changed(SCRIPT_NAME="/v1", PATH_INFO="/admin"),
        ):
            self.assertEqual(self.refused(change)[0], "malformed")
        for change in (
            changed(SCRIPT_NAME="/v1", PATH_INFO="/orders"),
            # The prefix was removed by a proxy.
            changed(SCRIPT_NAME="/shop"),
            changed(RAW_URI="http://backend.internal:80/v1/orders?b=2&a=1"),
        ):
            environ = environ_of(*signed())
            change(environ)
            self.assertEqual(call_wsgi(SignatureMiddleware(app, self.verifier()), environ)[0], 200)
        for url, path in (("http://h", "/"), ("http://h?a=1", ""), ("/", "/")):
            environ = environ_of(*signed(url=url))
            environ["PATH_INFO"] = path
            self.assertEqual(call_wsgi(SignatureMiddleware(app, self.verifier()), environ)[0], 200, url)

    def test_a_header_cannot_set_the_prefix_of_the_path(self):
        def prefixed(environ):
            environ.update({"HTTP_SCRIPT_NAME": "/v1", "SCRIPT_NAME": "/v1", "PATH_INFO": "/orders"})

        self.assertEqual(self.refused(prefixed)[0], "malformed")
        environ = environ_of(*signed())
        prefixed(environ)
        self.assertEqual(call_wsgi(SignatureMiddleware(app, self.verifier(script_name_header=True)), environ)[0], 200)

    def test_a_body_whose_stream_fails_is_malformed(self):
        class Broken(io.BytesIO):
            def read(self, *_):
                if self.tell() > 0:
                    raise self.error
                return super().read(3)

        for error in (OSError("reset"), ValueError("wrong chunk")):
            for chunked in (False, True):
                environ = environ_of(*signed(), chunked=chunked)
                environ["wsgi.input"] = Broken(BODY)
                environ["wsgi.input"].error = error
                self.assertEqual(call_wsgi(SignatureMiddleware(app, self.verifier()), environ)[2]["code"], "malformed")

    def test_a_wrong_content_length_is_malformed(self):
        environ = environ_of(*signed())
        environ["CONTENT_LENGTH"] = "-1"
        self.assertEqual(call_wsgi(SignatureMiddleware(app, self.verifier()), environ)[2]["code"], "malformed")
