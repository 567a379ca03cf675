import contextlib
import io
import unittest

try:
    import django
    from django.conf import settings
except ImportError:
    raise unittest.SkipTest("Django is not installed") from None

settings.configure(
    SECRET_KEY="tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["signet_signing.django.SignatureMiddleware"],
    LOGGING={"version": 1, "disable_existing_loggers": False, "loggers": {"django.request": {"level": "CRITICAL"}}},
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402 (after the settings)
from django.core.handlers.asgi import ASGIRequest  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from signet_signing.django import SignatureMiddleware  # noqa: E402

from .adapters import Adapter, answer_of  # noqa: E402
from .arrived import signed  # noqa: E402
from .asgi_calls import call_asgi, scope_of  # noqa: E402
from .wsgi_calls import call_wsgi, environ_of  # noqa: E402


def any_path(request):
    return HttpResponse(answer_of(request.signature, request.body))


def form(request):
    return JsonResponse(request.POST.dict())


def reading(how):
    """A middleware that reads the body before it is verified."""

    def middleware(get_response):
        def call(request):
            how(request)
            return get_response(request)

        return call

    return middleware


reads_form = reading(lambda request: request.POST.get("csrf"))
reads_all = reading(lambda request: request.read())
reads_body = reading(lambda request: request.body)

class Counted(io.BytesIO):
    taken = 0

    def read(self, *size):
        part = super().read(*size)
        self.taken += len(part)
        return part


urlpatterns = [re_path("^form$", form), re_path("", any_path)]


class Django(Adapter):
    def after(self, name, content_type, body, signed_body):
        method, url, headers, _ = signed(url="/form", body=signed_body)
        headers.update({"content-type": content_type, "content-length": str(len(body))})
        with override_settings(MIDDLEWARE=[f"{__name__}.{name}", "signet_signing.django.SignatureMiddleware"]):
            return self.call(self.verifier(), method, url, headers, body)

    def test_a_body_that_was_read_before_is_refused(self):
        parts = b'--B\r\nContent-Disposition: form-data; name="amount"\r\n\r\n1000000\r\n--B--\r\n'
        for name, content_type, body in (
            ("reads_form", "multipart/form-data; boundary=B", parts),
            ("reads_all", "text/plain", b"amount=1000000"),
        ):
            status, _, answer = self.after(name, content_type, body, b"")
            self.assertEqual((status, answer.get("code")), (401, "malformed"), name)

    def test_a_body_that_django_keeps_is_verified(self):
        body, form = b"amount=1", "application/x-www-form-urlencoded"
        for name in ("reads_body", "reads_form"):
            self.assertEqual(self.after(name, form, body, body)[2], {"amount": "1"})
            self.assertEqual(self.after(name, form, body, b"")[2].get("code"), "signature_mismatch")


class DjangoWsgi(Django, unittest.TestCase):
    def call(self, verifier, *request, **options):
        with override_settings(SIGNET_VERIFIER=verifier):
            return call_wsgi(get_wsgi_application(), environ_of(*request, **options))

    def test_django_parses_the_verified_body(self):
        environ = environ_of(*signed(url="/form", body=b"a=1&b=2"))
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        with override_settings(SIGNET_VERIFIER=self.verifier()):
            self.assertEqual(call_wsgi(get_wsgi_application(), environ)[2], {"a": "1", "b": "2"})

    def test_the_limit_of_the_verifier_counts_and_not_that_of_django(self):
        with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=5):
            self.assertEqual(self.call(self.verifier(), *signed())[0], 200)

    def test_a_chunked_body_is_verified_and_reaches_the_view(self):
        self.assertEqual(self.call(self.verifier(), *signed(), chunked=True)[2]["body"], '{"n":1}')
        method, url, headers, _ = signed(body=b"")
        self.assertEqual(self.call(self.verifier(), method, url, headers, b"EVIL", chunked=True)[2]["code"], "signature_mismatch")

    def test_paths_that_django_decodes_in_its_own_way_pass(self):
        for url in ("/%E9?q=%E9", "/%FF%20%C3%A9", "/caf%C3%A9/%25E9"):
            self.assertEqual(self.call(self.verifier(), *signed(url=url))[0], 200, url)

    def test_a_content_length_is_digits(self):
        for length in ("+7", "1_0", "-1", "0x7"):
            environ = environ_of(*signed())
            environ["CONTENT_LENGTH"] = length
            with override_settings(SIGNET_VERIFIER=self.verifier()):
                self.assertEqual(call_wsgi(get_wsgi_application(), environ)[2].get("code"), "malformed", length)

    def test_without_a_verifier_nothing_starts(self):
        for wrong in (None, [], 7):
            with override_settings(SIGNET_VERIFIER=wrong), self.assertRaises(ImproperlyConfigured):
                get_wsgi_application()


class DjangoAsgi(Django, unittest.TestCase):
    def call(self, verifier, *request):
        with override_settings(SIGNET_VERIFIER=verifier):
            return call_asgi(get_asgi_application(), *request)

    def test_of_a_body_above_the_limit_no_more_is_taken_into_memory(self):
        for report_only in (False, True):
            file = Counted(b"x" * 10_000_000)
            with override_settings(SIGNET_VERIFIER=self.verifier(report_only=report_only)):
                request = ASGIRequest(scope_of(*signed()[:3]), file)
                with self.assertLogs("signet_signing") if report_only else contextlib.nullcontext():
                    SignatureMiddleware(lambda request: HttpResponse("seen"))(request)
                self.assertLess(file.taken, 200_000)
                if report_only:
                    self.assertEqual(len(request.read()), 10_000_000)
