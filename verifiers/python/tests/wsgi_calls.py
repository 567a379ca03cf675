"""Calls a WSGI application as a server would."""

import io
import json
from wsgiref.validate import validator


class BodyRead(BaseException):
    """It is no Exception, because the middleware answers the exceptions of a body that cannot be read."""


class Unread(io.RawIOBase):
    """A body that must not be read."""

    def readable(self):
        return True

    def readinto(self, buffer):
        raise BodyRead


def environ_of(method, target, headers, body, raw="RAW_URI", chunked=False):
    from urllib.parse import unquote_to_bytes

    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "h",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/octet-stream",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body if hasattr(body, "read") else io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if raw:
        environ[raw] = target
    if chunked:
        environ.update({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True})
    else:
        environ["CONTENT_LENGTH"] = str(0 if hasattr(body, "read") else len(body))
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = value
    return environ


def call_wsgi(app, environ, valid=False):
    started = []
    answer = (validator(app) if valid else app)(environ, lambda status, headers, exc_info=None: started.append((status, headers)))
    body = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    status, headers = started[0]
    return int(status.split()[0]), {name.lower(): value for name, value in headers}, json.loads(body)
