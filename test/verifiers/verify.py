"""Verifies signatures of docs/signing.md, independently of src/. Needs Python 3 and the openssl command line.

stdin: one case a line, fields in base64, separated by tabs:
  request  method url headers body sign_type sign_algorithm sign_key sign_secret
  webhook  dialect headers body secret
where headers are lines `name:value`. stdout: `ok` or `FAIL reason` for each.
"""

import base64
import hashlib
import hmac
import re
import subprocess
import sys
import tempfile
from urllib.parse import parse_qsl, quote, unquote_to_bytes


def openssl(*arguments, data=b"", **files):
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, content in files.items():
            paths[name] = f"{folder}/{name}"
            with open(paths[name], "wb") as file:
                file.write(content)
        command = ["openssl", *[argument.format(**paths) for argument in arguments]]
        done = subprocess.run(command, input=data, capture_output=True)
        return done.returncode, done.stdout


def encode(raw):
    return quote(raw, safe="-_.~")


def canonical_request(method, url, headers, signed, body):
    path, _, query = url.partition("?")
    path = "/".join(encode(unquote_to_bytes(segment)) for segment in path.split("/"))
    path = path if path.endswith("/") else path + "/"
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    query = "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in signed.split(";"))
    payload = headers.get("x-sdk-content-sha256", hashlib.sha256(body).hexdigest())
    return "\n".join([method, path, query, lines, signed, payload])


def verify_request(method, url, headers, body, sign_type, sign_algorithm, sign_key, sign_secret):
    scheme, _, credentials = headers["authorization"].partition(" ")
    if sign_type == "basic":
        expected = base64.b64encode(f"{sign_key}:{sign_secret}".encode()).decode()
        return scheme == "Basic" and hmac.compare_digest(credentials, expected)
    access, signed, signature = re.fullmatch(r"Access=([^,]+), SignedHeaders=([^,]+), Signature=(\w+)", credentials).groups()
    canonical = canonical_request(method, url, headers, signed, body)
    to_sign = "\n".join([scheme, headers["x-sdk-date"], hashlib.sha256(canonical.encode()).hexdigest()]).encode()
    key = sign_key.encode()
    if sign_type == "hmac":
        expected = hmac.new(sign_secret.encode(), to_sign, hashlib.sha256).hexdigest()
        return (scheme, access) == ("SDK-HMAC-SHA256", sign_key) and hmac.compare_digest(expected, signature)
    if sign_type == "aes":
        vector = sign_secret.encode()
        message = hashlib.sha256(to_sign).digest() + bytes(16)
        _, cipher = openssl("enc", f"-{sign_algorithm}", "-K", key.hex(), "-iv", vector.hex(), data=message)
        name = hmac.new(key, b"signet aes key id\n" + vector, hashlib.sha256).hexdigest()[:32]
        expected = (f"SIGNET-{sign_algorithm.upper()}-MAC", name)
        return (scheme, access) == expected and hmac.compare_digest(cipher[32:48].hex(), signature)
    if sign_type == "public_key":
        der = base64.b64decode(sign_key)
        if (scheme, access) != ("SIGNET-RSA-PSS-SHA256", hashlib.sha256(der).hexdigest()[:32]):
            return False
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]
        arguments = ["dgst", "-sha256", *pss, "-keyform", "DER", "-verify", "{key}", "-signature", "{signature}", "{message}"]
        code, _ = openssl(*arguments, key=der, signature=bytes.fromhex(signature), message=to_sign)
        return code == 0
    return False


def verify_webhook(dialect, headers, body, secret):
    if dialect == "x-webhook":
        message = headers["x-webhook-timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
        return any(hmac.compare_digest(expected, given) for given in headers["x-webhook-signature"].split(","))
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signatures = [given.split(",", 1) for given in headers["webhook-signature"].split(" ")]
    if secret.startswith("whpk_"):
        der = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(secret[5:])
        arguments = ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "{key}", "-rawin", "-in", "{message}", "-sigfile", "{signature}"]
        given = [base64.b64decode(text) for version, text in signatures if version == "v1a"]
        return any(openssl(*arguments, key=der, message=message, signature=raw)[0] == 0 for raw in given)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    return any(version == "v1" and hmac.compare_digest(expected, text) for version, text in signatures)


def verify(line):
    kind, *fields = [base64.b64decode(field) for field in line.rstrip("\n").split("\t")]
    at = 2 if kind == b"request" else 1
    body = fields[at + 1]
    texts = [field.decode() for field in fields[:at]] + [b"", b""] + [field.decode() for field in fields[at + 2 :]]
    texts[at] = dict(header.split(":", 1) for header in fields[at].decode().splitlines())
    texts[at + 1] = body
    return verify_request(*texts) if kind == b"request" else verify_webhook(*texts)


for line in sys.stdin:
    try:
        print("ok" if verify(line) else "FAIL")
    except Exception as error:  # one broken case must not hide the others
        print("FAIL", repr(error))
