import os
import random
import threading
import unittest
from collections.abc import Mapping

from signet_signing import (
    REFUSAL_CODES,
    Key,
    KeysUnavailable,
    MemoryReplayStore,
    Refusal,
    Request,
    UnusableKeyError,
    Verifier,
    explain,
    sign,
)

from .arrived import BODY, HMAC, NEXT, NOW, URL, now, signed

AES_128 = Key("aes", "Jx7+Qm2/Lp9-Rt4=", "Vb3_Nk8!Hc6@Wd1#", "aes-128-cfb")
AES_256 = Key("aes", "Jx7+Qm2/Lp9-Rt4=Ys5%Ug0$Ze8#Ia1!", "Vb3_Nk8!Hc6@Wd1#", "aes-256-cfb")
BASIC = Key("basic", "backend_user", "Pa55-word!with@signs")


def key_pair():
    import base64

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = serialization.Encoding.DER
    secret = private.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = private.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key("public_key", base64.b64encode(public).decode(), base64.b64encode(secret).decode())


class Repeating(Mapping):
    """Headers as Starlette has them: a mapping whose items() has a repeated name as often as it arrived."""

    def __init__(self, pairs):
        self.pairs = pairs

    def __getitem__(self, name):
        return dict(self.pairs)[name]

    def __iter__(self):
        return (name for name, _ in self.pairs)

    def __len__(self):
        return len(self.pairs)

    def items(self):
        return list(self.pairs)


def verify(request, keys=(HMAC,), **options):
    return Verifier(keys, now=now, **options).verify(*request)


class Kinds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = key_pair()
        cls.kinds = [HMAC, BASIC, AES_128, AES_256, cls.pair]

    def test_what_each_kind_signs_verifies_and_says_whether_the_body_is_covered(self):
        for key in self.kinds:
            with self.subTest(key):
                verdict = verify(signed(key), self.kinds)
                self.assertTrue(verdict.ok, verdict)
                self.assertEqual(verdict.body_signed, key is not BASIC)

    def test_nothing_of_a_signed_request_can_be_changed(self):
        for key in self.kinds:
            if key is BASIC:
                continue
            method, url, headers, body = signed(key)
            announced = {**headers, "x-sdk-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
            for change, code in [
                (("PUT", url, headers, body), "signature_mismatch"),
                ((method, "/v1/orders?b=2&a=2", headers, body), "signature_mismatch"),
                ((method, url, {**headers, "host": "other"}, body), "signature_mismatch"),
                ((method, url, headers, b'{"n":2}'), "signature_mismatch"),
                # The announced hash of another body is not trusted.
                ((method, url, announced, body), "signature_mismatch"),
            ]:
                with self.subTest(key, change=change):
                    self.assertEqual(verify(change, self.kinds).code, code)

    def test_an_announced_hash_is_compared_with_the_body(self):
        import hashlib

        method, url, headers, body = signed()
        headers["x-sdk-content-sha256"] = hashlib.sha256(body).hexdigest()
        self.assertTrue(verify((method, url, headers, body)).ok)
        self.assertEqual(verify((method, url, headers, b"other")).code, "body_hash_mismatch")

    def test_the_same_id_with_another_secret_is_a_mismatch(self):
        self.assertEqual(verify(signed(NEXT)).code, "signature_mismatch")
        self.assertEqual(verify(signed(Key("basic", BASIC.sign_key, "another-secret")), [BASIC]).code, "signature_mismatch")

    def test_a_public_key_verifies_without_its_private_half_and_cannot_sign(self):
        public = Key("public_key", self.pair.sign_key)
        self.assertTrue(verify(signed(self.pair), [public]).ok)
        with self.assertRaises(UnusableKeyError):
            signed(public)

    def test_halves_of_two_pairs_are_unusable(self):
        with self.assertRaisesRegex(UnusableKeyError, "do not belong together"):
            signed(Key("public_key", key_pair().sign_key, self.pair.sign_secret))

    def test_a_header_cannot_choose_another_use_of_a_secret(self):
        method, url, headers, body = signed(Key("basic", HMAC.sign_key, HMAC.sign_secret))
        self.assertEqual(verify((method, url, headers, body)).code, "unknown_key")

    def test_unusable_keys_are_reported_when_signing_and_not_found_when_verifying(self):
        for broken in [
            Key("hmac", "k"),
            Key("aes", "k" * 16, "s" * 16),
            Key("aes", "k" * 16, "s", "aes-128-cfb"),
            Key("aes-128-cfb", "k" * 16, "s" * 16),
            Key("public_key", "AAAA", "AAAA"),
            Key("other", "key"),
            Key(["hmac"], "access-key", "Secret-0123456789"),
            Key("hmac", ["access-key"], "Secret-0123456789"),
            Key("hmac", "access-key", {"secret": 1}),
            Key("aes", "k" * 16, "s" * 16, ["aes-128-cfb"]),
            Key("hmac", "access-key", "Secret-0123456789", id=[]),
        ]:
            with self.subTest(broken):
                with self.assertRaises(UnusableKeyError):
                    signed(broken)
                with self.assertRaises(UnusableKeyError):
                    Verifier([broken])
                self.assertEqual(verify(signed(), lambda access_id, scheme: [broken]).code, "unknown_key")

    def test_a_key_shows_neither_half_in_its_repr(self):
        for key in self.kinds:
            self.assertNotIn(key.sign_key, repr(key))
            self.assertNotIn(key.sign_secret, repr(key))


    def test_what_arrived_shows_no_secret_in_its_repr(self):
        begun = Verifier([BASIC], now=now).begin(*signed(BASIC)[:3])
        self.assertIn(BASIC.sign_key, repr(begun._authorization))
        self.assertNotIn(BASIC.sign_secret, repr(begun._authorization))
        self.assertNotIn(BASIC.sign_secret, str(begun._authorization.credentials))


class Refusals(unittest.TestCase):
    def code(self, options=None, method="POST", url=URL, body=BODY, **headers):
        arrived = {**signed()[2], **{name.replace("_", "-"): value for name, value in headers.items()}}
        return verify((method, url, {n: v for n, v in arrived.items() if v is not None}, body), **(options or {})).code

    def test_each_header_has_its_code(self):
        for code, authorization in [
            ("no_authorization", None),
            ("no_authorization", "unsigned"),
            ("malformed", "Bearer abc"),
            ("malformed", "SDK-HMAC-SHA256 Access=a"),
            ("malformed", "Basic !"),
            ("unknown_key", "SDK-HMAC-SHA256 Access=other, SignedHeaders=x-sdk-date, Signature=" + "0" * 64),
            ("missing_signed_header", "SDK-HMAC-SHA256 Access=access-key, SignedHeaders=host, Signature=00"),
            ("missing_signed_header", "SDK-HMAC-SHA256 Access=access-key, SignedHeaders=x-a;x-sdk-date, Signature=00"),
            ("signature_mismatch", "SDK-HMAC-SHA256 Access=access-key, SignedHeaders=x-sdk-date, Signature=" + "0" * 64),
            # The format has no line break after the signature and no digits of other scripts.
            ("malformed", "SDK-HMAC-SHA256 Access=access-key, SignedHeaders=x-sdk-date, Signature=00\n, x"),
        ]:
            with self.subTest(authorization):
                self.assertEqual(self.code(authorization=authorization), code)

    def test_a_target_that_two_parsers_read_differently_is_malformed(self):
        for signs, url in [
            ("/files/a%23b?c=1", "/files/a#b?c=1"),
            ("/a?x=1%23&role=user", "/a?x=1#&role=user"),
            ("/admin", "http://h#/admin"),
            ("/ad%09min", "/ad\tmin"),
            ("/a%20b", "/a b"),
            ("/a%7Fb", "/a\x7fb"),
            ("/a%00", "/a\0"),
        ]:
            for key in (HMAC, BASIC):
                with self.subTest(url, key=key):
                    _, _, headers, body = signed(key, url=signs)
                    self.assertTrue(verify(("POST", signs, headers, body), [key]).ok)
                    self.assertEqual(verify(("POST", url, headers, body), [key]).code, "malformed")
        # The host of an absolute target ends before a path.
        self.assertTrue(verify(("POST", "http://h:80/admin?x", signed(url="/admin?x")[2], BODY)).ok)

    def test_malformed_dates(self):
        for date in ["20260230T000000Z", "2026-01-01T00:00:00Z", "20260101T000000", "20260101T246000Z", "",
        "00990101T000000Z", "２０２６0101T000000Z"]:
            with self.subTest(date):
                self.assertEqual(self.code(x_sdk_date=date), "malformed")

    def test_skew_in_either_direction(self):
        for away, ok in [(900, True), (-900, True), (901, False), (-901, False)]:
            verdict = verify(signed(at=NOW + away))
            self.assertEqual(verdict.ok, ok)
            if not ok:
                self.assertEqual((verdict.code, verdict.hint), ("skew", "X-Sdk-Date is 901 s away from the clock here"))

    def test_a_clock_that_shows_no_time_refuses(self):
        self.assertEqual(Verifier([HMAC], now=lambda: float("nan")).verify(*signed()).code, "skew")

    def test_an_unsigned_body_is_refused_unless_it_is_allowed(self):
        request = signed(cover_body=False)
        self.assertEqual(verify(request).code, "body_unsigned")
        verdict = verify(request, allow_unsigned_payload=True)
        self.assertEqual((verdict.ok, verdict.body_signed), (True, False))

    def test_a_client_cannot_turn_a_signed_body_into_an_unsigned_one(self):
        self.assertEqual(self.code({"allow_unsigned_payload": True}, x_sdk_content_sha256="UNSIGNED-PAYLOAD"), "signature_mismatch")

    def test_a_parsed_body_is_malformed(self):
        for body in [{"n": 1}, 7, [BODY]]:
            self.assertEqual(self.code(body=body), "malformed")

    def test_a_header_value_cannot_forge_a_line(self):
        self.assertEqual(self.code(host="backend.internal\nx:y"), "malformed")

    def test_limits_of_signed_headers(self):
        def code(names, more=None, url=URL):
            authorization = f"SDK-HMAC-SHA256 Access=access-key, SignedHeaders={';'.join(names)}, Signature={'0' * 64}"
            return verify(("POST", url, {**signed()[2], **(more or {}), "authorization": authorization}, BODY))

        names = [f"x-{i}" for i in range(64)]
        values = {name.upper(): "v" for name in names}
        self.assertEqual(code([*names[1:], "x-sdk-date"], values).code, "signature_mismatch")
        self.assertEqual(code([*names, "x-sdk-date"], values).hint, "more than 64 headers are signed")
        for twice in (["host", "x-sdk-date", "host"], ["x-sdk-date", "X-Sdk-Date"]):
            self.assertIn("signed twice", code(twice).hint)
        self.assertEqual(code(["x-long", "x-sdk-date"], {"x-long": "v" * 65_536}).code, "malformed")
        self.assertEqual(code(["host", "x-sdk-date"], url="/" + "u" * 65_536).code, "malformed")

    def test_a_refusal_is_false_and_has_a_known_code(self):
        refusal = verify(("GET", "/", {}, None))
        self.assertFalse(refusal)
        self.assertIn(refusal.code, REFUSAL_CODES)

    def test_hostile_input_is_refused_and_raises_nothing(self):
        roll = random.Random(20260101)
        verifier = Verifier([HMAC, AES_128], now=now, allow_unsigned_payload=True)
        words = ["Basic", "Og==", "unsigned", "SDK-HMAC-SHA256", "Access=access-key,", "SignedHeaders=x-sdk-date;",
        "Signature=00", "\ud800", "é", "\0"]
        things = [None, 7, b"\xff", [], {}, object(), "", "\udfff", ("x", "y"), [("a",)], [(b"authorization", b"Basic Og==")]]

        def text():
            return " ".join(roll.choice(words) for _ in range(roll.randrange(5)))

        for _ in range(3000):
            names = ["authorization", "x-sdk-date", "host", "x-sdk-content-sha256"]
            headers = {roll.choice(names): roll.choice([text(), text(), roll.choice(things)]) for _ in range(4)}
            verdict = verifier.verify(
                roll.choice(["GET", text(), roll.choice(things)]),
                roll.choice(["/%zz?%", text(), roll.choice(things)]),
                roll.choice([headers, headers, roll.choice(things)]),
                roll.choice([b"", roll.choice(things)]),
            )
            self.assertFalse(verdict.ok)


class Options(unittest.TestCase):
    def test_both_keys_of_a_rotation_verify_under_their_own_names(self):
        first = Key("hmac", "access-key", "Secret-0123456789", id="v1")
        for keys in ([first, NEXT], lambda access_id, scheme: [first, NEXT] if access_id == "access-key" else None):
            self.assertEqual(verify(signed(), keys).key_id, "v1")
            self.assertEqual(verify(signed(NEXT), keys).key_id, "v2")
        self.assertEqual(verify(signed(), lambda *_: None).code, "unknown_key")

    def test_a_key_that_ends_while_the_body_arrives_is_refused(self):
        live = [HMAC]
        begun = Verifier(lambda *_: live, now=now).begin(*signed()[:3])
        live.clear()
        self.assertEqual(begun.finish(BODY).code, "unknown_key")

    def test_a_key_that_ends_while_the_signature_is_checked_is_refused(self):
        answers = [[HMAC], [HMAC], []]
        self.assertEqual(verify(signed(), lambda *_: answers.pop(0)).code, "unknown_key")
        # The key rotates at this moment, and only the new key counts from then on.
        answers = [[HMAC], [HMAC], [NEXT], [NEXT]]
        self.assertEqual(verify(signed(), lambda *_: answers.pop(0)).code, "signature_mismatch")

    def test_a_key_that_ends_while_the_replay_store_answers_is_refused(self):
        live = [HMAC]

        class Slow:
            def remember(self, *_):
                live.clear()
                return True

        self.assertEqual(verify(signed(), lambda *_: live, replay_store=Slow()).code, "unknown_key")

    def test_a_body_that_arrives_after_the_time_of_its_date_is_refused(self):
        clock = [NOW]
        begun = Verifier([HMAC], now=lambda: clock[0]).begin(*signed()[:3])
        clock[0] += 901
        self.assertEqual(begun.finish(BODY), Refusal("skew", "X-Sdk-Date is 901 s away from the clock here"))
        # Requests of Basic have no date.
        basic = Verifier([BASIC], now=lambda: clock[0]).begin(*signed(BASIC)[:3])
        clock[0] += 901
        self.assertTrue(basic.finish(BODY).ok)

    def test_a_replay_whose_body_is_held_open_is_refused_after_the_store_forgot_the_first(self):
        clock = [NOW]
        verifier = Verifier([HMAC], now=lambda: clock[0], replay_store=MemoryReplayStore())
        self.assertTrue(verifier.verify(*signed()).ok)
        clock[0] += 890
        held = [verifier.begin(*signed()[:3]) for _ in range(2)]
        clock[0] += 5
        self.assertEqual(held[0].finish(BODY).code, "replayed")
        clock[0] += 86_400
        self.assertTrue(verifier.verify(*signed(url="/other", at=clock[0])).ok)
        self.assertEqual(held[1].finish(BODY).code, "skew")

    def test_a_replay_store_is_told_the_time_of_its_question_and_may_not_take_longer_than_the_date_counts(self):
        clock, told = [NOW], []

        class Slow:
            def remember(self, id, expires_at, now):
                told.append((expires_at, now))
                clock[0] += seconds
                return True

        for seconds, expected in ((10, True), (900, False)):
            clock[0] = NOW
            begun = Verifier([HMAC], now=lambda: clock[0], replay_store=Slow()).begin(*signed()[:3])
            clock[0] += 5
            verdict = begun.finish(BODY)
            self.assertEqual((verdict.ok, getattr(verdict, "code", "skew")), (expected, "skew"))
        self.assertEqual(told, [(NOW + 900, NOW + 5)] * 2)

    def test_a_look_up_that_fails_refuses(self):
        def no_keys(*_):
            raise KeysUnavailable("come back later")

        def broken(*_):
            raise OSError("Secret-0123456789")

        self.assertEqual(verify(signed(), no_keys), Refusal("keys_unavailable", "come back later"))
        with self.assertLogs("signet_signing", "ERROR") as logs:
            self.assertEqual(verify(signed(), broken).code, "keys_unavailable")
        self.assertNotIn("Secret", logs.output[0])

    def test_the_signature_may_be_in_another_header(self):
        method, url, headers, body = signed()
        headers["x-backend-sign"] = headers.pop("authorization")
        self.assertTrue(verify((method, url, headers, body), signature_header="X-Backend-Sign").ok)

    def test_headers_are_found_in_every_form_that_servers_have(self):
        method, url, headers, body = signed()
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        shouting = {name.upper(): value for name, value in headers.items()}
        for form in (shouting, pairs, list(headers.items()), {name: [value] for name, value in headers.items()}):
            self.assertTrue(verify((method, url, form, body)).ok)
        # The values of a repeated name count together.
        self.assertFalse(verify((method, url, [*pairs, (b"Host", b"other")], body)).ok)

    def test_no_value_of_a_repeated_header_is_overlooked_in_a_mapping(self):
        method, url, headers, body = signed()
        for name in ("Host", "host", "authorization", "X-Sdk-Date"):
            for first in (True, False):
                with self.subTest(name, first=first):
                    other = [(name, "other")]
                    repeated = Repeating((other if first else []) + list(headers.items()) + ([] if first else other))
                    verdict = verify((method, url, repeated, body))
                    self.assertEqual(verdict.code, "signature_mismatch" if name.lower() == "host" else "malformed")

    def test_utf_8_given_byte_by_byte_is_put_together_again(self):
        method, url, headers, body = signed(url="/中/é")
        self.assertTrue(verify((method, url.encode().decode("latin-1"), headers, body)).ok)

    def test_a_request_is_accepted_once_with_a_replay_store(self):
        verifier = Verifier([HMAC], now=now, replay_store=MemoryReplayStore())
        method, url, headers, body = signed()
        head, _, signature = headers["authorization"].rpartition("=")
        shouting = {**headers, "authorization": f"{head}={signature.upper()}"}
        self.assertTrue(verifier.verify(method, url, headers, body).ok)
        for again in (headers, shouting):
            self.assertEqual(verifier.verify(method, url, again, body).code, "replayed")

    def test_of_threads_that_replay_at_once_one_is_accepted(self):
        verifier = Verifier([HMAC], now=now, replay_store=MemoryReplayStore())
        request = signed()
        verdicts = []
        threads = [threading.Thread(target=lambda: verdicts.append(verifier.verify(*request).ok)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(verdicts), [False] * 15 + [True])

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_process_that_is_forked_while_a_lock_is_held_verifies(self):
        store = MemoryReplayStore()
        verifier = Verifier([HMAC], now=now, replay_store=store)
        with verifier._counts_lock, store._lock:
            child = os.fork()
            if child == 0:
                done = []

                def work():
                    verifier.count("accepted")
                    done.append(verifier.verify(*signed()).ok)

                thread = threading.Thread(target=work, daemon=True)
                thread.start()
                thread.join(10)
                os._exit(0 if done == [True] else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_a_replay_store_that_fails_or_answers_nothing_refuses(self):
        class Broken:
            def remember(self, *_):
                raise OSError

        class Silent:
            def remember(self, *_):
                return None

        with self.assertLogs("signet_signing", "ERROR"):
            self.assertEqual(verify(signed(), replay_store=Broken()).code, "store_unavailable")
        self.assertEqual(verify(signed(), replay_store=Silent()).code, "replayed")

    def test_a_full_replay_store_refuses_and_forgets_only_what_is_too_old_to_pass(self):
        store = MemoryReplayStore(2)
        self.assertEqual([store.remember(id, 1, 0) for id in "abca"], [True, True, False, False])
        self.assertEqual([store.remember("d", 5, 2), store.remember("a", 5, 2)], [True, True])

    def test_explain_names_the_first_difference(self):
        method, url, headers, body = signed()
        found = explain(Request(method, "/v1/orders?b=3&a=1", headers, body), Request(method, url, headers, body))
        self.assertEqual((found.first_difference.part, found.first_difference.column), ("query", 6))
        self.assertEqual(explain(Request(method, url, headers, b"other"), found.signed_canonical_request).first_difference.part, "payload")
        self.assertNotIn(HMAC.sign_secret, repr(found))

    def test_signing_refuses_what_would_forge_a_line(self):
        for method, host in [("GET\n", "h"), ("GET", "h\r\nx: y"), ("GET", "")]:
            with self.assertRaises(ValueError):
                sign(method, "/", host, None, HMAC)
        for url in ("/a#b", "/a b", "/a\tb", "/\x7f"):
            with self.assertRaises(ValueError):
                sign("GET", url, "h", None, HMAC)
