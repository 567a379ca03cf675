import unittest

from signet_signing import Verifier
from signet_signing.testing import TestSigner

from .arrived import HMAC, NOW, now

ORDER = ("POST", "/v1/orders?b=2&a=1", b'{"n":1}')


class TestSignerTest(unittest.TestCase):
    def test_a_signed_request_is_accepted_by_a_verifier_with_the_key_and_by_no_other(self):
        signer = TestSigner()
        method, url, body = ORDER
        headers = signer.headers(*ORDER)
        self.assertEqual(headers["host"], "localhost")
        self.assertEqual(Verifier([signer.key]).verify(method, url, headers, body).key_id, "test-key")
        self.assertEqual(Verifier([TestSigner().key]).verify(method, url, headers, body).code, "unknown_key")
        self.assertEqual(Verifier([signer.key]).verify(method, url, headers, b"{}").code, "signature_mismatch")

    def test_a_key_host_and_time_of_its_own(self):
        method, url, body = ORDER
        for at, code in ((NOW, None), (NOW - 901, "skew")):
            headers = TestSigner(HMAC).headers(*ORDER, host="testserver", now=lambda: at)
            self.assertEqual(headers["host"], "testserver")
            self.assertEqual(getattr(Verifier([HMAC], now=now).verify(method, url, headers, body), "code", None), code)
