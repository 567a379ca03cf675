"""The guarantees of every middleware. A test case mixes this in, and defines how a request reaches its application."""

import json

from signet_signing import Key, ServiceKeys, Verifier

from .arrived import BODY, HMAC, NEXT, now, signed

LIMIT = 1000


class Adapter:
    def call(self, verifier, method, target, headers, body, chunked=False):
        """
        Returns status, headers with lower-case names, and the parsed JSON of an application behind the middleware, in
        which `key` is the key id or None, and `body` is the text that it read.
        """
        raise NotImplementedError

    def verifier(self, **options):
        return Verifier([HMAC], now=now, limit_bytes=LIMIT, **options)

    def test_a_signed_request_passes_with_the_bytes_that_were_verified(self):
        verifier = self.verifier()
        status, _, answer = self.call(verifier, *signed())
        self.assertEqual((status, answer), (200, {"key": "access-key", "body": BODY.decode()}))
        self.assertEqual(verifier.counts, {"accepted": 1})

    def test_a_request_without_a_body_passes(self):
        status, _, answer = self.call(self.verifier(), *signed(method="GET", body=b""))
        self.assertEqual((status, answer), (200, {"key": "access-key", "body": ""}))

    def test_the_target_is_verified_as_it_was_sent(self):
        for url in ("/v1/orders/a%2Fb?x=%2B+%20&&y", "/a//b/./%E4%B8%AD", "/%7Euser?=v"):
            status, _, answer = self.call(self.verifier(), *signed(url=url))
            self.assertEqual((status, url), (200, url), answer)

    def test_a_target_that_two_parsers_read_differently_is_malformed(self):
        for signs, url in (("/a%23b?c=1", "/a#b?c=1"), ("/a?x=1%23&y=2", "/a?x=1#&y=2"), ("/a%09b", "/a\tb")):
            _, _, headers, body = signed(url=signs)
            status, _, answer = self.call(self.verifier(), "POST", url, headers, body)
            self.assertEqual((status, answer["code"]), (401, "malformed"), url)

    def test_a_refused_request_gets_its_code_and_never_reaches_the_application(self):
        verifier = self.verifier()
        method, url, headers, body = signed()
        for code, request in [
            ("no_authorization", (method, url, {"host": "backend.internal"}, body)),
            ("signature_mismatch", (method, url, headers, b'{"n":2}')),
            ("signature_mismatch", (method, url + "&c=3", headers, body)),
            ("signature_mismatch", signed(NEXT)),
            ("unknown_key", signed(Key("hmac", "other-key", "Secret-0123456789"))),
            ("skew", signed(at=now() - 1000)),
        ]:
            status, answered, answer = self.call(verifier, *request)
            self.assertEqual((status, answer["code"], answered["www-authenticate"]), (401, code, "SDK-HMAC-SHA256"))
            self.assertIn("hint", answer)
        self.assertEqual(verifier.counts, {"no_authorization": 1, "signature_mismatch": 3, "unknown_key": 1, "skew": 1})

    def test_a_body_above_the_limit_is_413(self):
        request = signed(body=b"x" * (LIMIT + 1))
        self.assertEqual(self.call(self.verifier(), *request)[0], 413)
        self.assertEqual(self.call(self.verifier(), *signed(body=b"x" * LIMIT))[0], 200)

    def test_without_keys_every_request_is_503(self):
        keys = ServiceKeys("http://127.0.0.1:9", "i", token="t", name="n")
        keys.start = lambda: keys
        status, headers, answer = self.call(Verifier(keys, now=now), *signed())
        self.assertEqual((status, headers["retry-after"], answer["code"]), (503, "1", "keys_unavailable"))

    def test_report_only_accepts_logs_and_counts(self):
        method, url, headers, body = signed()
        long = b"x" * (3 * LIMIT)
        for code, request in [
            ("no_authorization", (method, url, {"host": "backend.internal"}, body)),
            ("signature_mismatch", (method, url, headers, b'{"n":2}')),
            ("too_large", signed(body=long)),
        ]:
            verifier = self.verifier(report_only=True)
            with self.assertLogs("signet_signing", "WARNING") as logs:
                status, _, answer = self.call(verifier, *request)
            self.assertEqual((status, answer), (200, {"key": None, "body": request[3].decode()}))
            self.assertEqual(verifier.counts, {code: 1})
            self.assertIn(code, logs.output[0])
            self.assertNotIn("b=2", logs.output[0])
        verifier = self.verifier(report_only=True)
        self.assertEqual(self.call(verifier, *signed())[2]["key"], "access-key")
        self.assertEqual(verifier.counts, {"accepted": 1})


def answer_of(signature, body):
    return json.dumps({"key": signature and signature.key_id, "body": body.decode()}).encode()
