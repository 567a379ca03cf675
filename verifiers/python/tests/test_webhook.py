import base64
import unittest

from signet_signing import UnusableKeyError, sign_webhook, verify_webhook

SECRETS = ["whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY", "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"]
TIMESTAMP = 1_767_225_600
BODY = b'{"a":1}'
DIALECTS = [("x-webhook", "x-webhook"), ("standard", "webhook")]


def verify(dialect, headers, secrets=SECRETS[:1], body=BODY, at=TIMESTAMP, **options):
    return verify_webhook(headers, body, secrets, dialect=dialect, now=lambda: at, **options)


class Webhooks(unittest.TestCase):
    def test_either_of_two_keys_is_enough(self):
        for dialect, _ in DIALECTS:
            headers = sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS, dialect=dialect)
            for secret in SECRETS:
                self.assertTrue(verify(dialect, headers, [secret]).ok)
            self.assertEqual(verify(dialect, headers, ["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"]).code, "signature_mismatch")

    def test_a_change_is_a_mismatch_and_each_absence_has_its_code(self):
        for dialect, header in DIALECTS:
            headers = sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS, dialect=dialect)
            self.assertEqual(verify(dialect, headers, body=BODY + b" ").code, "signature_mismatch")
            self.assertEqual(verify(dialect, {**headers, f"{header}-timestamp": str(TIMESTAMP + 1)}).code, "signature_mismatch")
            self.assertEqual(verify(dialect, {**headers, f"{header}-timestamp": "1e9"}).code, "malformed")
            self.assertEqual(verify(dialect, headers, body={"a": 1}).code, "malformed")
            self.assertEqual(verify(dialect, {}).code, "no_signature")
            self.assertEqual([verify(dialect, headers, at=TIMESTAMP + s).ok for s in (-300, 300)], [True, True])
            self.assertEqual([verify(dialect, headers, at=TIMESTAMP + s).code for s in (-301, 301)], ["skew", "skew"])

    def test_the_receiver_sets_the_dialect(self):
        headers = sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS, dialect="x-webhook")
        self.assertEqual(verify("standard", headers).code, "no_signature")

    def test_only_standard_covers_and_reports_the_id(self):
        standard = sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS, dialect="standard")
        self.assertEqual(verify("standard", standard).id, "msg_1")
        self.assertEqual(verify("standard", {**standard, "webhook-id": "msg_2"}).code, "signature_mismatch")
        self.assertEqual(verify("standard", {**standard, "webhook-id": "a.1"}).code, "malformed")
        other = sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS, dialect="x-webhook")
        self.assertIsNone(verify("x-webhook", other).id)

    def test_a_repeated_id_is_none(self):
        class Repeating(dict):
            def items(self):
                return [*super().items(), ("webhook-id", "msg_1")]

        signed = sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS, dialect="standard")
        self.assertEqual(verify("standard", Repeating(signed)).code, "malformed")

    def test_no_more_than_16_signatures_are_checked(self):
        headers = sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS[:1], dialect="standard")
        for others, ok in ((15, True), (16, False)):
            late = {**headers, "webhook-signature": "v1,AAAA " * others + headers["webhook-signature"]}
            self.assertEqual(verify("standard", late).ok, ok)

    def test_ed25519_verifies_with_the_public_key(self):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519

        seed = bytes(range(32))
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(*raw)
        whpk = "whpk_" + base64.b64encode(public).decode()
        for private in (seed, seed + public):
            headers = sign_webhook("msg_1", TIMESTAMP, BODY, ["whsk_" + base64.b64encode(private).decode()], dialect="standard")
            self.assertTrue(verify("standard", headers, [whpk]).ok)
            self.assertEqual(verify("standard", headers, [whpk], body=b"").code, "signature_mismatch")
            self.assertEqual(verify("standard", headers).code, "signature_mismatch")
        with self.assertRaises(UnusableKeyError):
            sign_webhook("msg_1", TIMESTAMP, BODY, [whpk], dialect="standard")

    def test_unusable_secrets_are_reported(self):
        headers = sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS, dialect="standard")
        with self.assertRaisesRegex(UnusableKeyError, "no secret"):
            verify("x-webhook", sign_webhook("msg_1", TIMESTAMP, BODY, SECRETS, dialect="x-webhook"), ["whpk_" + "A" * 43 + "="])
        for secrets in ([""], ["whpk_AAAA"], ["whsk_AAAA"], SECRETS[0]):
            with self.assertRaises(UnusableKeyError):
                verify("standard", headers, secrets)
