"""This SDK beside the Go SDK: the same calls send the same requests."""

import base64
import contextlib
import hashlib
import inspect
import io
import json
import re
import shutil
import socket
import subprocess
from urllib.parse import parse_qsl, quote

import calls
import pytest
from conftest import ROOT
from recorder import Recorder
from requests.structures import CaseInsensitiveDict

import ois
from ois._generated import operations
from ois.sdk import signature
from ois.sdk.service.bucket import Bucket
from ois.sdk.service.ois import OIS

DATE = "Tue, 05 Mar 2024 08:15:30 GMT"
SEALING = b"0123456789abcdef0123456789abcdef"

# What is compared in another way: the port, the software, the moment, and what the transports add.
ASIDE = ("host", "user-agent", "date", "authorization", "accept-encoding", "accept", "connection", "content-md5")


def put(bucket, data=b"content", **options):
    return bucket.put("a/b c+目.txt", data, **options)


# What gocalls has under the same names.
VERBS = {
    "create": lambda b, c: c.create_bucket(b.name, "jn1a"),
    "exists": lambda b, c: b.exists(),
    "delete bucket": lambda b, c: b.delete(),
    "list buckets": lambda b, c: list(c.buckets()),
    "list": lambda b, c: list(b.objects()),
    "list prefix": lambda b, c: list(b.objects("目录/a b", after="目录/a b&c")),
    "list folder": lambda b, c: list(b.entries("a/")),
    "versions": lambda b, c: list(b.versions("a/")),
    "put": lambda b, c: put(b),
    "put all": lambda b, c: put(
        b,
        content_type="text/x-a; charset=utf-8",
        cache_control="no-store",
        content_disposition="attachment",
        content_encoding="gzip",
        expires=DATE,
        storage_class="STANDARD_IA",
        metadata={"author": "team a", "Two": "2"},
        encryption_key=SEALING,
    ),
    "put new": lambda b, c: put(b, if_none_match="*"),
    "put match": lambda b, c: put(b, if_match='"e"'),
    "put empty": lambda b, c: b.put("a/b.txt", io.BytesIO(b"")),
    "put stream": lambda b, c: b.put("a/b.txt", iter([b"12", b"345"])),
    "get": lambda b, c: b.get("a/b c+目.txt").close(),
    "get range": lambda b, c: b.get("a/b c+目.txt", start=3, end=7).close(),
    "get tail": lambda b, c: b.get("a/b c+目.txt", start=3).close(),
    "get sealed": lambda b, c: b.get("a/b c+目.txt", encryption_key=SEALING).close(),
    "get version": lambda b, c: b.get("a/b c+目.txt", version_id="v 1", if_none_match='"e"').close(),
    "head": lambda b, c: b.head("a/b c+目.txt"),
    "remove": lambda b, c: b.delete_object("a/b.txt"),
    "remove version": lambda b, c: b.delete_object("a/b.txt", version_id="v1"),
    "remove many": lambda b, c: b.delete_objects(["a", "目录/b"]),
    "copy": lambda b, c: b.copy("a/b c+目.txt", "a/new.txt"),
    "copy all": lambda b, c: b.copy(
        "a/b c+目.txt",
        "a/new.txt",
        source_bucket="other-bucket",
        source_version="v1",
        metadata={"n": "1"},
        content_type="text/x-a",
        storage_class="STANDARD_IA",
        encryption_key=SEALING,
        source_encryption_key=SEALING,
    ),
    "move": lambda b, c: b.move("a/b c+目.txt", "a/new.txt"),
    "append": lambda b, c: b.append("a/log.txt", b"line", 12, content_type="text/x-a"),
    "upload": lambda b, c: b.upload("a/b.txt", io.BytesIO(b"12345")),
}


def method_of(operation):
    """Return the name of the method of an operation."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation.name).replace("CNAME", "Cname").lower()
    return name if operation.level != "bucket" else name.replace("_bucket", "")


SAMPLES = {
    "lang": "en-us",
    "resp_vary": "enabled",
    "status": "ENABLED",
    "rules": [{"id": "r", "status": "enabled", "destination": {"bucket": "other-bucket"}, "filters": {"prefix": "a"}}],
}


def sample(argument):
    if argument.endswith("modified_since"):
        return DATE
    if argument.endswith("_md5") and "customer" in argument:
        return base64.b64encode(hashlib.md5(SEALING).digest()).decode()
    if argument.endswith("customer_key"):
        return base64.b64encode(SEALING).decode()
    value = SAMPLES.get(argument) or calls.sample(argument)
    return value.decode() if isinstance(value, bytes) else value


def operation_calls():
    """Yield each operation with all its arguments, with those it needs, and with each of them."""
    for op in operations.OPERATIONS:
        owner = OIS if op.level == "service" else Bucket
        given = list(inspect.signature(getattr(owner, method_of(op))).parameters)[1:]
        given = [a for a in given if a != "object_key" and not (op.variants and a.startswith(OF_VARIANTS))]
        needed = [a for a in given if a.replace("_", "-") in op.required or a in op.required]
        if op.name in ALWAYS:
            needed.append(ALWAYS[op.name])
        if op.body == "stream" and "body" in given:
            needed.append("body")
        some = [needed, *([*needed, a] for a in given if a not in needed), given]
        for virtual in (False, True):
            for wanted in some if not virtual else (needed, given):
                yield {
                    "operation": op.name,
                    "key": KEY,
                    "virtual": virtual,
                    "arguments": {a: sample(a) for a in wanted},
                }
    for key in calls.KEYS:
        for virtual in (False, True):
            for name in ("PutObject", "GetObject"):
                yield {"operation": name, "key": key, "virtual": virtual, "arguments": {}}


KEY = "dir/a b.txt"
# Arguments of 1.0 that make another operation of a call, or that no other SDK has.
OF_VARIANTS = ("x_qs_copy_", "x_qs_move_", "x_qs_fetch_", "x_qs_metadata_directive", "expect")
# What chooses between operations of one path, and a name that has a default in Python only.
ALWAYS = {
    "PostObject": "file_name",
    "MoveObject": "x_qs_move_source",
    "CopyObject": "x_qs_copy_source",
    "CopyPart": "x_qs_copy_source",
}


def all_calls():
    yield from operation_calls()
    for verb in VERBS:
        for virtual in (False, True):
            yield {"verb": verb, "virtual": virtual}


def of_go(call):
    """Return a call as the Go SDK wants it: it takes sources encoded."""
    arguments = dict(call.get("arguments", {}))
    for name in ("x_qs_copy_source", "x_qs_move_source", "x_qs_fetch_source"):
        if name in arguments:
            arguments[name] = quote(arguments[name], safe="/:?=")
    return {**call, "arguments": arguments}


def record_go(port):
    source = json.dumps([of_go(c) for c in all_calls()]).encode()
    command = ["go", "run", "./sdk/python/tests/gocalls", "-port", str(port)]
    done = subprocess.run(command, cwd=ROOT, input=source, stderr=subprocess.PIPE, timeout=500)
    assert done.returncode == 0, done.stderr.decode()


def make(call, service, client):
    if "verb" in call:
        return VERBS[call["verb"]](client.bucket("test-bucket", "jn1a"), client)
    op = next(o for o in operations.OPERATIONS if o.name == call["operation"])
    owner = service if op.level == "service" else service.Bucket("test-bucket", "jn1a")
    arguments = dict(call["arguments"])
    if "body" in arguments:
        arguments["body"] = arguments["body"].encode()
    keys = [call["key"]] if op.level == "object" else []
    return getattr(owner, method_of(op))(*keys, **arguments).close()


def record_python(recorder):
    services = {virtual: calls.service(recorder.port, virtual=virtual) for virtual in (False, True)}
    for call in all_calls():
        service = services[call["virtual"]]
        recorder.groups.append([])
        try:
            with contextlib.suppress(ois.Error):  # what comes back is not an answer to everything
                make(call, service, ois.Client(config=service.config))
        except Exception as error:
            recorder.groups[-1].append({"error": f"{type(error).__name__}: {error}"})


@pytest.fixture(scope="module")
def recorded():
    """What Python and Go have sent, by call."""
    if not shutil.which("go"):
        pytest.skip("needs Go")
    real = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch, Recorder() as recorder:
        patch.setattr(
            socket, "getaddrinfo", lambda h, *a, **k: real("127.0.0.1" if str(h).endswith("ois.test") else h, *a, **k)
        )
        record_python(recorder)
        python, recorder.groups[:] = list(recorder.groups), []
        record_go(recorder.port)
        return list(all_calls()), python, recorder.groups


def normal(request):
    """Return what is compared of a request."""
    headers = {n: v for n, v in request["headers"] if n not in ASIDE}
    body = request["body"].encode("latin-1").decode("utf-8")
    kind = headers.get("content-type", "")
    if kind == "application/json":
        body = json.loads(body)
        headers.pop("content-length", None)
    elif kind.startswith("multipart/form-data"):
        boundary = kind.partition("boundary=")[2]
        body = sorted(body.replace(boundary, "BOUNDARY").split("--BOUNDARY"))
        headers["content-type"] = kind.replace(boundary, "BOUNDARY")
        headers.pop("content-length", None)
    if headers.get("content-length") == "0":
        del headers["content-length"]
    host = dict(request["headers"])["host"].partition(":")[0]
    path, _, query = request["target"].partition("?")
    return {
        "method": request["method"],
        "host": host,
        "path": path,
        "query": sorted(parse_qsl(query, keep_blank_values=True)),
        "body": body,
        **headers,
    }


def is_signed(request):
    """Tell whether the signature is right, and the MD5 if there is one."""
    headers = CaseInsensitiveDict(request["headers"])
    path, _, query = request["target"].partition("?")
    bucket = "test-bucket" if headers["Host"].startswith("test-bucket.") else ""
    text = signature.string_to_sign(request["method"], path, query, headers, bucket)
    return headers["Authorization"] == "QS KEYID:" + signature.sign(text, "SECRET")


def compared(recorded):
    for call, python, go in zip(*recorded):
        name = call.get("verb") or f"{call['operation']} {','.join(call['arguments'])} {call['key']}"
        name += " virtual" if call["virtual"] else ""
        if len(python) != len(go) or any("error" in r for r in python):
            yield name, "requests", python, go
            continue
        for a, b in zip(python, go):
            before, after = normal(a), normal(b)
            for field in sorted(set(before) | set(after)):
                if field == "content-type" and field not in after:
                    continue  # 1.0 sends one always, which fits the key; the Go SDK sends what it is told
                if before.get(field) != after.get(field):
                    yield name, field, before.get(field), after.get(field)


def test_both_send_the_same(recorded):
    assert [" | ".join(map(str, row)) for row in compared(recorded)] == []


def test_both_sign_what_they_send(recorded):
    for call, *sent in zip(*recorded):
        for requests in sent:
            assert requests, call
            assert all(is_signed(r) for r in requests), (call, requests)


def test_every_operation_is_compared(recorded):
    assert {c["operation"] for c in recorded[0] if "operation" in c} == {o.name for o in operations.OPERATIONS}
    assert {c["verb"] for c in recorded[0] if "verb" in c} == set(VERBS)
