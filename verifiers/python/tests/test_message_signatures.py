"""The vectors of appendix B of RFC 9421."""

import json
import os
import unittest

from signet_signing import Key, UnusableKeyError, Verifier, sign
from signet_signing.headers import header_reader
from signet_signing.keys import load_key
from signet_signing.message_signatures import derived_component, signature_base, signature_parameters
from signet_signing.structured_fields import parse_dictionary

VECTORS = os.path.join(os.path.dirname(__file__), "../../../test/vectors/rfc9421.json")
PUBLIC = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
PRIVATE = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF"


class MessageSignatures(unittest.TestCase):
    @unittest.skipUnless(os.path.exists(VECTORS), "the vectors are in the repository of Signet only")
    def test_the_vectors_of_rfc_9421(self):
        with open(VECTORS, encoding="utf-8") as file:
            vectors = json.load(file)
        self.assertEqual(3, len(vectors["signatures"]))
        for each in vectors["signatures"]:
            given = vectors["keys"][each["key"]]
            key = Key("http-message-signatures", given["signKey"], given["signSecret"], given["signAlgorithm"])
            header = header_reader([tuple(pair) for pair in each["headers"]])
            ((label, member),) = parse_dictionary(header("signature-input")).items()
            names = [item.bare.value for item in member.items]
            values = {
                name: derived_component(name, each["method"], header("host"), each["target"]) if name[0] == "@" else header(name)
                for name in names
            }
            base = signature_base(values, signature_parameters(names, member.parameters))
            signature = parse_dictionary(header("signature"))[label].bare.value
            loaded = load_key(key)
            self.assertEqual(each["base"], base)
            self.assertEqual(signature, loaded.sign(base))
            self.assertTrue(loaded.verify(base, signature))
            self.assertFalse(loaded.verify(base + " ", signature))
            # It covers less than the policy, and has no tag of ours.
            verdict = Verifier([key], now=lambda: 1618884473).verify(each["method"], each["target"], header, b"")
            self.assertEqual("no_authorization", verdict.code)

    def test_the_public_half_verifies_and_does_not_sign(self):
        headers = sign("POST", "/a?b", "Backend.internal:80", b"body", Key("http-message-signatures", PUBLIC, PRIVATE, "ed25519"))
        public = Key("http-message-signatures", PUBLIC, None, "ed25519")
        received = {**headers, "host": "backend.internal"}
        verdict = Verifier([public]).verify("POST", "/a?b", received, b"body")
        self.assertEqual(("@method", "@authority", "@path", "@query", "content-digest"), verdict.signed_headers)
        self.assertEqual("body_hash_mismatch", Verifier([public]).verify("POST", "/a?b", received, b"another").code)
        with self.assertRaises(UnusableKeyError):
            sign("POST", "/a?b", "backend.internal", b"body", public)


if __name__ == "__main__":
    unittest.main()
