import contextlib
import http.server
import json
import os
import queue
import tempfile
import threading
import unittest
from unittest import mock

from signet_signing import KeysUnavailable, ServiceKeys, Verifier, service_keys

from .arrived import HMAC, NEXT, now, signed

LOOK_UP = ("access-key", "SDK-HMAC-SHA256")


def answer(revision, *keys, etag=None):
    versions = [{"version": i, "state": "signing", "sign_key": key.sign_key, "sign_secret": key.sign_secret} for i, key in enumerate(keys)]
    entries = [{"sign_id": "id-1", "sign_type": "hmac", "sign_algorithm": None, "versions": versions}] if versions else []
    return 200, {"etag": etag or f'"{revision}-AAAAAAAAAAAAAAAA"'}, json.dumps({"instance_id": "gw", "revision": revision, "keys": entries})


class Service:
    """Answers each request for keys with what the test puts into `answers`, and shows the requests in `requests`."""

    def __init__(self):
        self.answers, self.requests, self.left = queue.Queue(), queue.Queue(), queue.Queue()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                service.requests.put((self.path, {name.lower(): value for name, value in self.headers.items()}))
                status, headers, body = service.answers.get()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body.encode())

            def do_DELETE(self):
                service.left.put(self.headers["signet-verifier"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def request(self):
        return self.requests.get(timeout=30)[1]


class ServiceKeysTest(unittest.TestCase):
    def setUp(self):
        self.service = Service()
        self.addCleanup(self.service.server.server_close)
        self.addCleanup(self.service.server.shutdown)

    def keys(self, **options):
        keys = ServiceKeys(self.service.url, "gw", **{"token": "sgw_token", "name": "orders", **options})
        self.addCleanup(keys.stop)
        self.addCleanup(self.service.answers.put, (500, {}, ""))
        return keys

    def test_keys_come_change_and_go_each_with_its_etag_shown(self):
        keys = self.keys()
        verifier = Verifier(keys, now=now)
        self.assertEqual(verifier.verify(*signed()).code, "keys_unavailable")
        self.assertFalse(keys.ready)
        self.service.answers.put(answer(1, HMAC))
        self.assertTrue(keys.wait_until_ready(30))
        self.assertEqual((verifier.verify(*signed()).key_id, keys.revision), ("id-1", 1))
        first = self.service.request()
        self.assertEqual(first["authorization"], "Bearer sgw_token")
        self.assertEqual(first["signet-verifier"], f"orders/{keys.process_id}")
        self.assertEqual(first["signet-max-key-age"], "300")
        self.assertFalse({"if-none-match", "prefer"} & set(first))
        second = self.service.request()
        self.assertEqual((second["if-none-match"], second["prefer"]), ('"1-AAAAAAAAAAAAAAAA"', "wait=20"))
        self.service.answers.put(answer(2, HMAC, NEXT))
        # The next request shows that the keys of the answer are in effect.
        self.assertEqual(self.service.request()["if-none-match"], '"2-AAAAAAAAAAAAAAAA"')
        self.assertEqual([verifier.verify(*signed(key)).ok for key in (HMAC, NEXT)], [True, True])
        self.service.answers.put(answer(3))
        self.assertEqual(self.service.request()["if-none-match"], '"3-AAAAAAAAAAAAAAAA"')
        self.assertEqual(verifier.verify(*signed()).code, "unknown_key")

    def test_keys_above_their_age_are_not_used_by_whichever_clock(self):
        keys = self.keys(max_age_seconds=30)
        self.service.answers.put(answer(1, HMAC))
        self.assertTrue(keys.wait_until_ready(30))
        real = service_keys._clocks
        for clock in range(len(real())):
            with mock.patch.object(service_keys, "_clocks", lambda: tuple(t + (31 if i == clock else 0) for i, t in enumerate(real()))):
                self.assertFalse(keys.ready)
                with self.assertRaisesRegex(KeysUnavailable, "too old"):
                    keys(*LOOK_UP)
        self.assertTrue(keys.ready)

    def test_an_unchanged_answer_makes_the_keys_fresh_as_of_its_request(self):
        keys = self.keys()
        self.service.answers.put(answer(1, HMAC))
        self.assertTrue(keys.wait_until_ready(30))
        first = keys._held.as_of
        [self.service.request() for _ in range(2)]
        sent = service_keys._clocks()
        self.service.answers.put((304, {"etag": '"7-AAAAAAAAAAAAAAAA"'}, ""))
        self.assertEqual(self.service.request()["if-none-match"], '"7-AAAAAAAAAAAAAAAA"')
        self.assertTrue(first < keys._held.as_of <= sent)
        self.assertEqual(keys.revision, 7)

    def test_an_answer_without_a_change_that_comes_at_once_is_followed_by_a_pause(self):
        for unchanged in (answer(1, HMAC), (304, {}, "")):
            keys, pauses = self.keys(), queue.Queue()
            keys._stop.wait = pauses.put
            self.service.answers.put(answer(1, HMAC))
            self.assertTrue(keys.wait_until_ready(30))
            [self.service.request() for _ in range(2)]
            # New keys are confirmed at once.
            self.assertTrue(pauses.empty())
            self.service.answers.put(unchanged)
            self.assertEqual(pauses.get(timeout=30), 1)
            self.service.request()
            self.service.answers.put((304, {}, ""))
            keys.stop()

    def test_an_ended_credential_drops_the_keys_and_a_failing_service_does_not(self):
        for status, ready in ((500, True), (503, True), (301, True), (401, False), (403, False), (404, False)):
            with self.subTest(status), self.assertLogs("signet_signing", "WARNING") as logs:
                # A stopped client may have sent one more request, and would get the answer for the next
                # client.
                self.setUp()
                keys = self.keys()
                self.service.answers.put(answer(1, HMAC))
                self.assertTrue(keys.wait_until_ready(30))
                [self.service.request() for _ in range(2)]
                self.service.answers.put((status, {"location": "http://127.0.0.1:9/"}, ""))
                again = self.service.request()
                self.assertEqual((keys.ready, "if-none-match" in again), (ready, ready))
                self.service.answers.put(answer(2, HMAC))
                self.service.request()
                self.assertEqual(keys.revision, 2)
                self.service.answers.put((304, {}, ""))
                keys.stop()
            self.assertNotIn("sgw_token", "".join(logs.output))

    def test_an_answer_that_is_none_changes_nothing(self):
        keys = self.keys()
        self.service.answers.put(answer(1, HMAC))
        self.assertTrue(keys.wait_until_ready(30))
        [self.service.request() for _ in range(2)]
        with self.assertLogs("signet_signing", "WARNING"):
            other = json.dumps({**json.loads(answer(2, NEXT)[2]), "instance_id": "another"})
            nobody = json.dumps({"revision": 2, "keys": []})
            tagged = [(200, {"etag": '"2-A"'}, body) for body in ("[]", "{", other, nobody)]
            for wrong in (*tagged, (200, {}, answer(2)[2])):
                self.service.answers.put(wrong)
                self.assertEqual(self.service.request()["if-none-match"], '"1-AAAAAAAAAAAAAAAA"')
        self.assertEqual(keys.revision, 1)

    def test_a_key_that_cannot_be_used_is_left_out_alone(self):
        keys = self.keys()
        status, headers, body = answer(1, HMAC)
        content = json.loads(body)
        content["keys"].append({**content["keys"][0], "sign_id": "id-2", "sign_type": "new_type"})
        self.service.answers.put((status, headers, json.dumps(content)))
        with self.assertLogs("signet_signing", "WARNING") as logs:
            self.assertTrue(keys.wait_until_ready(30))
        self.assertIn("id-2", logs.output[0])
        self.assertEqual(len(keys(*LOOK_UP)), 1)

    def test_stopping_drops_the_keys_and_says_so(self):
        keys = self.keys()
        self.service.answers.put(answer(1, HMAC))
        self.assertTrue(keys.wait_until_ready(30))
        keys.stop()
        self.assertEqual(self.service.left.get(timeout=30), f"orders/{keys.process_id}")
        self.assertFalse(keys.ready)
        with self.assertRaisesRegex(KeysUnavailable, "stopped"):
            keys(*LOOK_UP)

    def test_report_only_claims_nothing_in_receipts(self):
        keys = self.keys()
        Verifier(keys, report_only=True)
        self.service.answers.put(answer(1, HMAC))
        with mock.patch.object(service_keys, "_CLAIMLESS_PAUSE_SECONDS", 0):
            self.assertTrue(keys.wait_until_ready(30))
            for request in (self.service.request(), self.service.request()):
                self.assertEqual(request["signet-verifier"], "orders")
                self.assertFalse({"if-none-match", "signet-max-key-age", "prefer"} & set(request))
        keys.stop()
        self.assertTrue(self.service.left.empty())

    def test_report_only_after_claims_is_an_error(self):
        keys = self.keys().start()
        with self.assertRaisesRegex(ValueError, "before the keys are started"):
            Verifier(keys, report_only=True)

    def test_report_only_claims_nothing_through_a_function_of_your_own(self):
        keys = self.keys()
        verifier = Verifier(lambda *asked: [*keys(*asked)], report_only=True, now=now)
        self.assertEqual(verifier.verify(*signed()).code, "keys_unavailable")
        request = self.service.request()
        self.assertEqual(request["signet-verifier"], "orders")
        self.assertNotIn("signet-max-key-age", request)

    def test_report_only_claims_nothing_any_more_with_keys_that_were_started_before(self):
        keys = self.keys().start()
        self.assertEqual(self.service.request()["signet-verifier"], f"orders/{keys.process_id}")
        verifier = Verifier(lambda *asked: keys(*asked), report_only=True, now=now)
        with self.assertLogs("signet_signing", "WARNING") as logs:
            self.assertEqual([verifier.verify(*signed()).code for _ in range(2)], ["keys_unavailable"] * 2)
        self.assertEqual(len(logs.output), 1)
        with mock.patch.object(service_keys, "_CLAIMLESS_PAUSE_SECONDS", 0):
            self.service.answers.put(answer(1, HMAC))
            request = self.service.request()
        self.assertEqual(request["signet-verifier"], "orders")
        self.assertFalse({"if-none-match", "signet-max-key-age", "prefer"} & set(request))
        # Another verifier that does refuse does not change this.
        self.assertTrue(Verifier(keys, now=now).verify(*signed()).ok)
        self.assertFalse(keys._claims)

    def test_a_renewed_token_is_read_without_a_restart(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "token")
            for token in ("first", "second"):
                with open(path, "w", encoding="ascii") as file:
                    file.write(token + "\n")
                if token == "first":
                    keys = self.keys(token=None, token_file=path)
                    keys.start()
                    self.assertEqual(self.service.request()["authorization"], "Bearer first")
                else:
                    self.service.answers.put(answer(1, HMAC))
                    self.assertEqual(self.service.request()["authorization"], "Bearer second")
            keys.stop()

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_forked_process_has_an_id_and_fetches_keys_of_its_own(self):
        keys = self.keys()
        self.service.answers.put(answer(1, HMAC))
        self.assertTrue(keys.wait_until_ready(30))
        self.service.request()
        parent = keys.process_id
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                before = keys.ready
                os.write(write, json.dumps([before, keys.process_id]).encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            ready, process_id = json.loads(pipe.read())
        os.waitpid(child, 0)
        self.assertFalse(ready)
        self.assertNotEqual(process_id, parent)
        self.assertEqual(keys.process_id, parent)
        self.assertTrue(keys.ready)

    def test_wrong_options_are_errors(self):
        for wrong in (
            {"url": "http://signet.internal"},
            {"url": "ftp://127.0.0.1"},
            {"url": "https://user@host"},
            {"token": None},
            {"token_file": "/dev/null"},
            {"name": "a/b"},
            {"name": ""},
            {"max_age_seconds": 9},
            {"max_age_seconds": 2_592_001},
        ):
            with self.subTest(wrong), self.assertRaises(ValueError):
                ServiceKeys(**{"url": self.service.url, "instance_id": "gw", "token": "t", "name": "n", **wrong})
