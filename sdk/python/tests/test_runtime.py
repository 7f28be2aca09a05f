"""The runtime: configuration, signatures, bodies, answers and repetitions."""

import array
import base64
import contextlib
import copy
import hashlib
import io
import json
import logging
import pathlib
import pickle
import re
import subprocess
import sys
import time
from datetime import datetime, timezone
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from conftest import ROOT
from requests.structures import CaseInsensitiveDict
from scripted import Answer, Scripted

import ois
from ois._generated import operations, types
from ois._generated.bucket import Bucket
from ois.sdk import endpoint, parallel, request, retry, signature
from ois.sdk.client.upload_client import UploadClient
from ois.sdk.config import Config
from ois.sdk.error import ParameterRequiredError, ParameterValueNotAllowedError
from ois.sdk.service.ois import OIS

VECTORS = ROOT / "contract" / "vectors"


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Nothing waits; what would have been waited is listed."""
    list_of_waits = []
    monkeypatch.setattr(retry, "sleep", list_of_waits.append)
    return list_of_waits


def service(address="http://127.0.0.1:1", **values):
    config = Config("KEYID", "SECRET")
    config.load_config_from_data({"endpoint": address, **values})
    return OIS(config)


def bucket(address="http://127.0.0.1:1", **values):
    return service(address, **values).Bucket("test-bucket", "jn1a")


# Signatures.


@pytest.mark.parametrize(
    "v", json.loads((VECTORS / "signatures.json").read_text(encoding="utf-8")), ids=lambda v: v["name"]
)
def test_vectors(v):
    if v["form"] == "policy":
        text = base64.b64encode(v["policy"].encode()).decode()
    else:
        headers = CaseInsensitiveDict(v["headers"])
        path, _, query = v["url"].partition("?")
        name = v["bucket"] if v["style"] == "vhost" else ""
        expires = str(v["expires"]) if v["form"] == "query" else ""
        text = signature.string_to_sign(v["method"], path, query, headers, name, expires)
    if v.get("value_form") == "raw":
        assert text != v["string_to_sign"]  # servers accept it, clients send the other form
        return
    assert text == v["string_to_sign"]
    assert signature.sign(text, v["secret"]) == v["signature"]


def conversations():
    for path in sorted(VECTORS.glob("*.txtar")):
        entries = re.split(r"^-- (\d+)\.(request|response) --\n", path.read_text(encoding="utf-8"), flags=re.M)
        text = {(int(n), kind): body for n, kind, body in zip(entries[1::3], entries[2::3], entries[3::3])}
        for number, kind in text:
            if kind == "request":
                yield pytest.param(text[number, kind], text[number, "response"], id=f"{path.stem} {number}")


@pytest.mark.parametrize(("asked", "answered"), list(conversations()))
def test_signatures_of_conversations(asked, answered):
    head = asked.partition("\n\n")[0].splitlines()
    method, target, _ = head[0].split(" ")
    headers = CaseInsensitiveDict(line.split(": ", 1) for line in head[1:] if ": " in line)
    authorization = headers.get("Authorization", "")
    if not authorization.startswith("QS OISVECTORKEY00000001:") or re.match(r"\S+ (400|401|403)", answered):
        return
    if not re.search(r"ois\.test|127\.0\.0\.1", headers["Host"]):
        return  # a domain of the bucket, which no SDK sends to
    name = re.match(r"(?:127\.0\.0\.1|(.*?)\.?(?:jn1[ab]\.)?ois\.test)(?::|$)", headers["Host"].lower())[1] or ""
    path, _, query = re.sub(r"^http://[^/]*", "", target).partition("?")
    text = signature.string_to_sign(method, path, query, headers, name)
    made = signature.sign(text, "oisVectorSecretKey000000000000000000001")
    assert authorization == f"QS OISVECTORKEY00000001:{made}"


def test_requests_of_the_sdk_are_signed_like_the_vectors():
    req = bucket(endpoint="https://is.shanhe.com").put_object_request("docs/中文 (v1).txt", body=b"x")
    req.req.headers["Date"] = "Tue, 05 Mar 2024 08:15:30 GMT"
    assert req.get_string_to_sign().endswith("\n/test-bucket/docs/%E4%B8%AD%E6%96%87%20%28v1%29.txt")
    prepared = req.sign()
    text = req.get_string_to_sign(prepared)
    assert prepared.headers["Authorization"] == "QS KEYID:" + signature.sign(text, "SECRET")


def test_values_that_are_no_latin_are_sent_as_they_are_signed():
    with Scripted([Answer(201)]) as server:
        bucket(server.endpoint).put_object("x", body=b"", x_qs_meta_data={"n": "中é"}, content_disposition="é")
    headers = server.requests[0][2]
    assert headers["x-qs-meta-n"].encode("latin-1").decode("utf-8") == "中é"
    assert headers["Content-Disposition"].encode("latin-1").decode("utf-8") == "é"


def test_nothing_breaks_out_of_a_header():
    with pytest.raises(requests.exceptions.InvalidHeader):
        bucket().put_object("x", x_qs_meta_data={"a": "b\r\nc: d"})
    with pytest.raises(requests.exceptions.InvalidHeader):
        bucket().put_object("x", cache_control="b\nc")


def test_without_keys_nothing_is_signed():
    req = OIS(Config()).Bucket("test-bucket", "z").get_object_request("x")
    assert "Authorization" not in req.sign().headers
    assert "signature" not in req.sign_query(1).url


def test_keys_that_begin_with_a_slash():
    assert bucket().put_object_request("/a").sign().path_url == "/test-bucket//a"
    virtual = service("http://is.shanhe.com", enable_virtual_host_style=True).Bucket("test-bucket", "jn1")
    assert virtual.put_object_request("/a").sign().path_url == "/%2Fa"


def test_links_are_absolute_in_time():
    url = bucket().get_object_request("a b", response_content_type="x/y").sign_query(1709626590).url
    query = parse_qs(urlsplit(url).query)
    assert query["expires"] == ["1709626590"]
    assert query["access_key_id"] == ["KEYID"]
    text = "GET\n\n\n1709626590\n/test-bucket/a%20b?response-content-type=x/y"
    assert query["signature"] == [signature.sign(text, "SECRET")]


# Configuration.


def test_precedence(monkeypatch, tmp_path):
    home = tmp_path / "home" / ".ois"
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(
        "access_key_id: file-id\nsecret_access_key: file-secret\nendpoint: http://file.example:81\n"
        "connection_retries: 7\nown_key: 5\n"
    )
    config = Config()
    assert (config.access_key_id, config.host, config.port, config.protocol) == ("file-id", "file.example", 81, "http")
    assert (config.connection_retries, config.own_key) == (7, 5)
    monkeypatch.setenv("OIS_ACCESS_KEY_ID", "env-id")
    monkeypatch.setenv("OIS_HOST", "env.example")
    config = Config()
    assert (config.access_key_id, config.secret_access_key, config.host) == ("env-id", "file-secret", "env.example")
    config = Config("id", "secret")
    assert (config.access_key_id, config.secret_access_key) == ("id", "secret")
    other = tmp_path / "other.yaml"
    other.write_text("access_key_id: other-id\n")
    monkeypatch.delenv("OIS_ACCESS_KEY_ID")
    monkeypatch.setenv("OIS_CONFIG_PATH", str(other))
    assert Config().access_key_id == "other-id"
    assert Config().load_config_from_filepath(str(home / "config.yaml")).access_key_id == "file-id"


def test_a_named_file_that_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("OIS_CONFIG_PATH", str(tmp_path / "nope.yaml"))
    with pytest.raises(FileNotFoundError, match=r"OIS_CONFIG_PATH names a file that is not there.*nope\.yaml"):
        ois.Client("id", "secret")
    assert Config("id", "secret").host  # as with ois-sdk 1.0
    ois.Client(config=Config("id", "secret")).close()


def test_values_of_the_environment_have_types(monkeypatch):
    monkeypatch.setenv("OIS_CONNECTION_RETRIES", "5")
    monkeypatch.setenv("OIS_ENABLE_VIRTUAL_HOST_STYLE", "false")
    monkeypatch.setenv("OIS_PORT", "8080")
    monkeypatch.setenv("OIS_TIMEOUT", "2.5")
    config = Config()
    assert config.connection_retries == 5
    assert config.enable_virtual_host_style is False
    assert config.port == 8080
    assert config.timeout == 2.5
    monkeypatch.setenv("OIS_ENABLE_VIRTUAL_HOST_STYLE", "perhaps")
    with pytest.raises(ValueError, match="'perhaps' is neither true nor false"):
        Config()


@pytest.mark.parametrize(
    ("address", "want"),
    [
        ("https://is.shanhe.com", ("https", "is.shanhe.com", 443)),
        ("http://127.0.0.1", ("http", "127.0.0.1", 80)),
        ("is.shanhe.com:444", ("https", "is.shanhe.com", 444)),
        ("http://[::1]:9000/", ("http", "::1", 9000)),
    ],
)
def test_endpoints(address, want):
    config = Config()
    config.endpoint = address
    assert (config.protocol, config.host, config.port) == want


@pytest.mark.parametrize(
    "address", ["ftp://x", "http://", "http://x/path", "http://u@x", "http://x:99999", "http://x?q"]
)
def test_endpoints_that_are_none(address):
    with pytest.raises(ValueError, match="endpoint"):
        Config().endpoint = address


@pytest.mark.parametrize(
    ("host", "zone", "virtual", "want"),
    [
        ("is.shanhe.com", "jn1", False, ("jn1.is.shanhe.com", False)),
        ("is.shanhe.com", "jn1", True, ("bucket.jn1.is.shanhe.com", True)),
        ("is.shanhe.com", "", False, ("is.shanhe.com", False)),
        ("127.0.0.1", "jn1", True, ("127.0.0.1", False)),
        ("::1", "jn1", True, ("[::1]", False)),
        ("localhost", "jn1", True, ("localhost", False)),
        ("127.1", "jn1", True, ("127.1", False)),
    ],
)
def test_names_of_hosts(host, zone, virtual, want):
    config = Config()
    config.load_config_from_data({"host": host, "enable_virtual_host_style": virtual})
    assert endpoint.site(config, zone, "bucket") == want
    config.port = 8443
    assert endpoint.site(config, zone, "bucket")[0] == want[0] + ":8443"


def test_the_zone_of_a_bucket():
    assert bucket().properties == {"bucket-name": "test-bucket", "zone": "jn1a"}
    assert service(zone="SH1").Bucket("test-bucket").properties["zone"] == "sh1"
    everywhere = service("http://is.shanhe.com", zone="sh1").list_buckets_request()
    assert everywhere.req.url == "http://is.shanhe.com/"  # the buckets of all zones
    assert service().Bucket("test-bucket", None).properties["zone"] == ""


def test_logging_is_the_programs_business():
    script = "import logging; from ois.sdk.config import Config; Config('a', 'b'); print(logging.getLogger().handlers)"
    source = str(pathlib.Path(ois.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": source}, capture_output=True, check=True)
    assert done.stdout == b"[]\n"
    assert done.stderr == b""


def test_yaml_is_imported_for_files_only(tmp_path):
    script = "import sys, ois; ois.Client(); print('yaml' in sys.modules)"
    env = {"PYTHONPATH": str(pathlib.Path(ois.__file__).parents[1]), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=True)
    assert done.stdout == b"False\n"


def test_secrets_are_not_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with Scripted([Answer(201)]) as server:
        service_ = service(server.endpoint, log_level="debug")
        service_.Bucket("test-bucket", "").put_object("x", body=b"", x_qs_encryption_customer_key="hidden")
    assert "PutObject test-bucket/x: 201" in caplog.text
    for secret in ("SECRET", "hidden", "QS KEYID"):
        assert secret not in caplog.text


# Arguments.


def test_arguments_that_are_missing():
    for call in (
        lambda b: b.upload_multipart("x", body=b""),
        lambda b: b.get_object(""),
        lambda b: b.put_acl(acl=[{"permission": "READ"}]),
        lambda b: b.options_object("x"),
        lambda b: service().Bucket("", "z").put(),
    ):
        with pytest.raises(ParameterRequiredError, match="is required in"):
            call(bucket())


def test_values_that_are_not_allowed():
    with pytest.raises(
        ParameterValueNotAllowedError, match="COLD is not allowed, should be one of STANDARD, STANDARD_IA"
    ):
        bucket().put_object_request("x", x_qs_storage_class="COLD")
    bucket().put_object_request("x", x_qs_storage_class="standard_ia")
    with pytest.raises(ParameterValueNotAllowedError, match="permission value X"):
        bucket().put_acl_request(acl=[{"grantee": {"type": "user", "id": "u"}, "permission": "X"}])


def test_times_may_be_times():
    moment = datetime(2024, 3, 5, 8, 15, 30, tzinfo=timezone.utc)
    assert bucket().get_object_request("x", if_modified_since=moment).req.headers["If-Modified-Since"] == (
        "Tue, 05 Mar 2024 08:15:30 GMT"
    )


def test_every_operation_has_its_methods():
    for op in operations.OPERATIONS:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", op.name).replace("CNAME", "Cname").lower()
        name = name if op.level != "bucket" else name.replace("_bucket", "")
        owner = OIS if op.level == "service" else Bucket
        assert callable(getattr(owner, name)), op.name
        assert callable(getattr(owner, name + "_request")), op.name
    assert len(operations.OPERATIONS) > 50
    assert types.Grant.__total__ is False


# Answers.


def test_json_with_a_charset():
    answer = Answer(200, b'{"keys": [1]}', Content_Type="application/json; charset=utf-8")
    with Scripted([answer]) as server:
        assert bucket(server.endpoint).list_objects()["keys"] == [1]


def test_objects_are_not_parsed():
    answers = [Answer(200, {"keys": [1]}), Answer(200, b"[1, 2]", Content_Type="application/json")]
    with Scripted(answers) as server:
        b = bucket(server.endpoint)
        output = b.get_object("x")
        assert output == {}
        assert output.content == b'{"keys": [1]}'
        assert b"".join(b.get_object("x").iter_content(2)) == b"[1, 2]"


def test_images_are_streamed():
    with Scripted([Answer(200, b"x" * 1000)]) as server:
        with bucket(server.endpoint).image_process("x", action="info") as output:
            assert not output.res._content_consumed


def test_errors_are_outputs():
    body = {"code": "permission_denied", "message": "no", "request_id": "1", "url": "u"}
    with Scripted([Answer(403, body), Answer(403, b""), Answer(500, b"<html>"), Answer(404, b"")]) as server:
        b = bucket(server.endpoint, connection_retries=0)
        output = b.get_object("x")
        assert (output.status_code, output["code"], output.ok) == (403, "permission_denied", False)
        assert dict(b.put_object("x", body=b"")) == {}
        assert b.list_objects().status_code == 500
        assert b.head_object("x").status_code == 404


def test_a_page_of_somebody_else_is_no_answer():
    page = Answer(200, b"<html>log in</html>", Content_Type="text/html")
    with Scripted([page, page]) as server:
        with pytest.raises(requests.RequestException, match="is not the service's JSON"):
            bucket(server.endpoint).list_objects()
        with pytest.raises(ois.ConnectionFailed, match="login page"):
            list(ois.Client(endpoint=server.endpoint).bucket("test-bucket").objects())


def test_redirects():
    def answers(method, path, headers, body):
        return Answer(302, Location=path + "2") if not path.endswith("2") else Answer(200, b"there")

    with Scripted(answers) as server:
        b = bucket(server.endpoint, connection_retries=0)
        assert b.get_object("x").content == b"there"
        assert b.put_object("x", body=b"1").status_code == 302


def test_what_is_for_the_service_does_not_go_elsewhere():
    with Scripted([Answer(200, b"mirror")]) as other:
        with Scripted([Answer(302, Location=other.endpoint.replace("127.0.0.1", "localhost") + "/m")]) as server:
            output = bucket(server.endpoint).get_object("x", x_qs_encryption_customer_key="k", range="bytes=0-1")
            assert output.content == b"mirror"
    headers = {n.lower() for n in other.requests[0][2]}
    assert "authorization" not in headers
    assert "x-qs-encryption-customer-key" not in headers
    assert "range" in headers


# Bodies.


def test_lengths_of_bodies():
    with Scripted(lambda *request: Answer(201)) as server:
        b = bucket(server.endpoint)
        for body in (b"123", io.BytesIO(b"123"), iter([b"12", b"3"])):
            assert b.put_object("x", body=body).status_code == 201
        b.put_object("x", body=io.BytesIO(b""))
        b.put_object("x", body=iter([b"123"]), content_length=3)
    lengths = [(h.get("Content-Length"), h.get("Transfer-Encoding"), body) for _, _, h, body in server.requests]
    assert lengths == [
        ("3", None, b"123"),
        ("3", None, b"123"),
        (None, "chunked", b"123"),
        ("0", None, b""),
        ("3", None, b"123"),
    ]


def test_every_buffer_is_sent_whole():
    whole = array.array("I", [1, 2, 3])
    with Scripted(lambda *request: Answer(201)) as server:
        b = bucket(server.endpoint)
        for body in (whole, memoryview(whole), bytearray(whole.tobytes())):
            assert b.put_object("x", body=body).status_code == 201
            ois.Client(endpoint=server.endpoint).bucket("test-bucket").put("x", body)
    assert [r[3] for r in server.requests] == [whole.tobytes()] * 6


@pytest.mark.parametrize("body", [5, {"a": "b"}, object()])
def test_bodies_that_are_none(body):
    for put in (bucket().put_object_request, ois.Client().bucket("test-bucket").put):
        with pytest.raises(TypeError, match="a body must be bytes, text, a file or an iterator over bytes, not "):
            put("x", body) if put.__name__ == "put" else put("x", body=body)


def test_a_text_file_that_stands_later_is_refused(tmp_path):
    (tmp_path / "f").write_text("目录\nb", encoding="utf-8")
    with open(tmp_path / "f", encoding="utf-8") as f:
        f.readline()
        with pytest.raises(ValueError, match="mode 'rb'"):
            bucket().put_object("x", body=f)
    (tmp_path / "f").write_text("目录\nb", encoding="utf-16")
    with Scripted([Answer(201)]) as server, open(tmp_path / "f", encoding="utf-16") as f:
        bucket(server.endpoint).put_object("x", body=f)
    assert server.requests[0][3] == (tmp_path / "f").read_bytes()


# Repetitions.


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_answers_that_pass(status, waits):
    with Scripted([Answer(status), Answer(status), Answer(201)]) as server:
        body = io.BytesIO(b"head body")
        body.seek(5)
        output = bucket(server.endpoint).put_object("x", body=body)
    assert (output.status_code, output.attempts) == (201, 3)
    assert [r[3] for r in server.requests] == [b"body"] * 3
    assert len(waits) == 2
    assert all(0 <= w <= 0.1 for w in waits)


def test_the_last_answer_is_the_output():
    with Scripted(lambda *request: Answer(503, {"code": "slow_down", "message": "m"})) as server:
        output = bucket(server.endpoint, connection_retries=2).list_objects()
        assert (output.status_code, output["code"], output.attempts) == (503, "slow_down", 3)
        with pytest.raises(ois.Busy):
            list(ois.Client(endpoint=server.endpoint, retries=0).bucket("test-bucket").objects())


def knowing(server):
    """A bucket of a service that is known to obey conditions."""
    b = bucket(server.endpoint)
    endpoint.learn(b.config, {"x-qs-request-id": "1", "X-OIS-Extensions": "conditional-write"})
    return b


def test_what_must_not_be_done_twice_is_not():
    parts = [{"part_number": 0}]
    calls = [
        (lambda b: b.append_object("x", position=0, body=b"1"), 1),
        (lambda b: b.complete_multipart_upload("x", "u", object_parts=parts), 1),
        (lambda b: b.initiate_multipart_upload("x"), 1),
        (lambda b: b.put_object("x", x_qs_move_source="/b/y"), 1),
        (lambda b: b.put_object("x", body=b"", if_none_match="*"), 1),
        (lambda b: b.put_object("x", body=iter([b"1"])), 1),
        (lambda b: b.put_object("x", x_qs_copy_source="/b/y"), 4),
        (lambda b: b.delete_multiple_objects(objects=[{"key": "a"}]), 4),
        (lambda b: b.put_object("x", body=b""), 4),
    ]
    for call, attempts in calls:
        for answer in (lambda *request: Answer(500), lambda *request: None):
            with Scripted(answer) as server:
                with contextlib.suppress(requests.ConnectionError):
                    assert call(knowing(server)).status_code == 500
                assert len(server.requests) == attempts
    for call in (c for c, _ in calls[:5]):  # a refusal is another matter
        with Scripted(lambda *request: Answer(503)) as server:
            call(knowing(server))
            assert len(server.requests) == 4


def test_a_connection_that_does_not_come_about_is_tried_again(waits):
    with pytest.raises(requests.ConnectionError):
        bucket().append_object("x", position=0, body=b"1")
    assert len(waits) == 3


def test_a_storm_is_not_made_worse(waits):
    with Scripted(lambda *request: Answer(503, {"code": "slow_down", "message": "m"})) as server:
        api = service(server.endpoint)
        for _ in range(20):
            output = api.Bucket("test-bucket").list_objects()
            assert (output.status_code, output["code"]) == (503, "slow_down")  # what the server says, not of a budget
        assert len(server.requests) == 20 + 10
        assert output.attempts == 1
        server.answers = lambda *request: Answer(200, {"keys": []})
        for _ in range(10):
            api.Bucket("test-bucket").list_objects()
        server.answers = lambda *request: Answer(503)
        assert api.Bucket("test-bucket").list_objects().attempts == 2  # ten successes are worth one
        assert api.list_buckets().attempts == 1
        assert service(server.endpoint).list_buckets().attempts == 4  # another client has its own


def test_readers_share_the_budget():
    with Scripted(lambda *request: Answer(200, b"x" * 10, cut=5, ETag='"1"')) as server:
        b = ois.Client(endpoint=server.endpoint).bucket("test-bucket")
        for _ in range(20):
            with pytest.raises(ois.ConnectionFailed):
                b.read("x")
    assert len(server.requests) < 20 + 10 + 5  # heads of answers are successes


def clock_of(server_time):
    def answers(method, path, headers, body):
        off = abs(parsedate_to_datetime(headers["Date"]).timestamp() - server_time())
        date = formatdate(server_time(), usegmt=True)
        if off > 900:
            return Answer(403, {} if method == "HEAD" else {"code": "request_expired", "message": "m"}, Date=date)
        return Answer(200, {"keys": []}, Date=date)

    return answers


@pytest.mark.parametrize("off", [-7200, 7200])
def test_the_clock_of_the_service_is_learned(off, waits):
    with Scripted(clock_of(lambda: time.time() + off)) as server:
        b = bucket(server.endpoint, connection_retries=0)
        assert b.list_objects().attempts == 2
        assert b.list_objects().attempts == 1
        assert bucket(server.endpoint).head_object("x").attempts == 2
        client = ois.Client("KEYID", "SECRET", endpoint=server.endpoint)
        client.bucket("test-bucket").exists()
        link = parse_qs(urlsplit(client.bucket("test-bucket").presign_get("x", 60)).query)
        assert abs(int(link["expires"][0]) - time.time() - off - 60) < 10
    assert waits == []


def test_a_clock_that_does_not_help_is_tried_once():
    refusal = {"code": "request_expired", "message": "m"}
    for answer, sent in (
        (Answer(403, refusal), 1),  # no Date
        (Answer(403, refusal, Date=formatdate(usegmt=True)), 1),  # the same time
        (Answer(403, refusal, Date=formatdate(0, usegmt=True)), 2),
        (Answer(403, {"code": "permission_denied"}, Date=formatdate(0, usegmt=True)), 1),
    ):
        with Scripted(lambda *request, a=answer: a) as server:
            assert bucket(server.endpoint).list_objects().status_code == 403
        assert len(server.requests) == sent


def test_a_clock_that_jumps_is_tried_once():
    dates = iter(range(0, 100000, 1000))

    def answers(*request):
        return Answer(403, {"code": "request_expired"}, Date=formatdate(next(dates), usegmt=True))

    with Scripted(answers) as server:
        assert bucket(server.endpoint).list_objects().attempts == 2


def test_the_clock_does_not_touch_dates_of_the_program():
    with Scripted(lambda *request: Answer(403, {"code": "request_expired"}, Date=formatdate(0, usegmt=True))) as server:
        b = bucket(server.endpoint)
        request = b.list_objects_request()
        request.req.headers["X-QS-Date"] = formatdate(usegmt=True)
        assert b._send(request).status_code == 403
        assert OIS(Config().load_config_from_data({"endpoint": server.endpoint})).list_buckets().status_code == 403
    assert len(server.requests) == 2


def test_how_long_the_server_wants(waits):
    with Scripted([Answer(503, Retry_After="7"), Answer(503, Retry_After="3600")]) as server:
        assert bucket(server.endpoint).list_objects().status_code == 503
    assert waits == [7.0]


def test_repetitions_have_a_date_of_their_own(monkeypatch):
    clock = [1709626530.0]
    monkeypatch.setattr(request.time, "time", lambda: clock[0])
    monkeypatch.setattr(retry, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + 1000))
    with Scripted([Answer(500), Answer(200, {"keys": []})]) as server:
        bucket(server.endpoint).list_objects()
    first, second = (r[2] for r in server.requests)
    assert first["Date"] != second["Date"]
    assert first["Authorization"] != second["Authorization"]


def test_a_silent_server_is_given_up(monkeypatch):
    def silence(*request):
        time.sleep(0.5)

    with Scripted(silence) as server, pytest.raises(requests.Timeout):
        bucket(server.endpoint, timeout=0.05, connection_retries=0).list_objects()
    with Scripted(silence) as server:
        b = bucket(server.endpoint, connection_retries=0)
        b.config.timeout = 0.05  # counts from the next request on
        with pytest.raises(requests.Timeout):
            b.list_objects()
    assert Config().request_timeout() == 60
    assert OIS(Config()).client.timeout == 60


def test_readers_go_on_where_they_were_cut():
    data = bytes(range(256)) * 40

    def answers(method, path, headers, body):
        first = int((headers.get("Range") or "bytes=0-")[6:].partition("-")[0])
        rest = data[first:]
        more = (
            {"ETag": '"e"', "Content_Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {"ETag": '"e"'}
        )
        return Answer(206 if first else 200, rest, cut=3000 if len(rest) > 3000 else None, **more)

    with Scripted(answers) as server:
        b = ois.Client(endpoint=server.endpoint).bucket("test-bucket")
        assert b.read("x") == data
    assert [r[2].get("If-Match") for r in server.requests] == [None, '"e"', '"e"', '"e"']


def test_readers_do_not_mix_objects():
    answers = [Answer(200, b"x" * 10, cut=5, ETag='"1"'), Answer(412)]
    with Scripted(answers) as server, pytest.raises(ois.PreconditionFailed):
        ois.Client(endpoint=server.endpoint).bucket("test-bucket").read("x")


def test_readers_tell_that_bytes_are_missing():
    with Scripted(lambda *request: Answer(200, b"x" * 10, cut=5)) as server, pytest.raises(ois.ConnectionFailed):
        ois.Client(endpoint=server.endpoint).bucket("test-bucket").read("x")


def test_what_is_stored_packed_is_read_packed():
    packed = bytes.fromhex("1f8b0800000000000003")
    with Scripted([Answer(200, packed, Content_Encoding="gzip")]) as server:
        assert ois.Client(endpoint=server.endpoint).bucket("test-bucket").read("x") == packed
    assert server.requests[0][2]["Accept-Encoding"] == "identity"


def test_a_listing_that_stands_still_ends():
    page = {"keys": [], "has_more": True, "next_marker": "a"}
    with Scripted(lambda *request: Answer(200, page)) as server, pytest.raises(ois.Error, match="but not where"):
        list(ois.Client(endpoint=server.endpoint).bucket("test-bucket").objects())


def test_another_md5_is_told():
    etag = '"%s"' % hashlib.md5(b"other").hexdigest()  # noqa: UP031
    with Scripted([Answer(201, ETag=etag)]) as server, pytest.raises(ois.ChecksumMismatch):
        ois.Client(endpoint=server.endpoint).bucket("test-bucket").put("x", b"mine")


def test_the_md5_is_of_what_was_sent_last(waits):
    etag = f'"{hashlib.md5(b"mine").hexdigest()}"'
    with Scripted([Answer(500), Answer(201, ETag=etag)]) as server:
        seen = []
        b = ois.Client(endpoint=server.endpoint).bucket("test-bucket")
        b.put("x", io.BytesIO(b"mine"), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 4), (0, 4), (4, 4)]


def test_work_does_not_run_ahead():
    taken, most = [], []

    def work(number):
        most.append(len(taken) - number)
        if number == 20:
            raise OSError("broken")

    def items():
        for n in range(1000):
            taken.append(n)
            yield n

    with pytest.raises(OSError, match="broken"):
        list(parallel.each(work, items(), 3))
    assert len(taken) < 30
    assert max(most) <= 5


def test_conditions_are_for_services_that_know_them():
    with Scripted([Answer(200)]) as server:
        client = ois.Client(endpoint=server.endpoint)
        for _ in range(2):
            with pytest.raises(ois.Unsupported, match="PutObject test-bucket/x: "):
                client.bucket("test-bucket").put("x", b"1", if_none_match="*")
        with pytest.raises(ois.Unsupported):
            client.bucket("test-bucket").api.delete_object("x", if_match='"e"')
    assert [r[0] for r in server.requests] == ["HEAD"]
    knows = {"X_OIS_Extensions": "other, Conditional-Write"}
    with Scripted([Answer(200, **knows), Answer(201, **knows), Answer(201, **knows)]) as server:
        client.api.config.endpoint = server.endpoint  # another service is asked anew
        for _ in range(2):
            assert client.bucket("test-bucket").api.put_object("x", body=b"", if_none_match="*").status_code == 201
    assert [r[0] for r in server.requests] == ["HEAD", "PUT", "PUT"]
    with Scripted([Answer(200, {"buckets": [], "count": 0}, **knows), Answer(201, **knows)]) as server:
        client = ois.Client(endpoint=server.endpoint)
        assert list(client.buckets()) == []  # any answer tells
        client.bucket("test-bucket").put("x", b"", if_none_match="*")
    assert [r[0] for r in server.requests] == ["GET", "PUT"]


def test_buckets_that_do_not_answer():
    nobody = Answer(500, **{"x-qs-request-id": ""})
    with Scripted([nobody, nobody, Answer(404)]) as server:
        b = ois.Client(endpoint=server.endpoint, retries=0).bucket("test-bucket")
        for call in (b.exists, lambda: b.put("x", b"", if_none_match="*")):
            with pytest.raises(ois.Error) as e:
                call()
            assert e.value.status == 500
        assert b.exists() is False
    nowhere = ois.Client(endpoint="http://127.0.0.1:1", retries=0).bucket("test-bucket")
    with pytest.raises(ois.ConnectionFailed):
        nowhere.exists()


@pytest.mark.parametrize("other", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_clients_can_be_copied(other):
    with Scripted(lambda *request: Answer(200, {"keys": [], "buckets": []})) as server:
        api = service(server.endpoint, timeout=7)
        assert other(api.config).port == api.config.port
        assert other(api).client.timeout == 7
        assert other(api).list_buckets()["buckets"] == []
        assert other(api.Bucket("test-bucket")).list_objects()["keys"] == []
        assert list(other(ois.Client(endpoint=server.endpoint).bucket("test-bucket")).objects()) == []


def test_headers_that_are_wrong_are_no_broken_connection():
    b = ois.Client("KEYID", "SECRET", endpoint="http://127.0.0.1:1").bucket("test-bucket")
    for options in ({"cache_control": "a\nb"}, {"metadata": {"a b": "c"}}, {"metadata": {"": "c"}}):
        with pytest.raises(ValueError, match=r"line breaks|metadata with the name"):
            b.put("x", b"", **options)
    with pytest.raises(ois.ConnectionFailed) as e:
        b.put("x", b"")
    assert (e.value.operation, e.value.attempts) == ("PutObject", 4)
    assert "x-qs-meta-a" not in bucket().put_object_request("x", x_qs_meta_data={"a": None}).req.headers


def test_a_configuration_that_is_given_stays_as_it_is():
    config = Config("a", "b")
    before = dict(vars(config))
    assert ois.Client("c", "d", config=config, endpoint="http://127.0.0.1:1", zone="z", retries=0).api.config.port == 1
    assert ois.Client(config=config).api.config.host == "is.shanhe.com"
    assert vars(config) == before


@pytest.mark.parametrize("page", [{}, {"keys": None, "buckets": None, "uploads": None, "locations": None}])
def test_listings_of_nothing(page):
    with Scripted(lambda *request: Answer(200, page)) as server:
        client = ois.Client(endpoint=server.endpoint)
        b = client.bucket("test-bucket")
        for entries in (b.objects(), b.entries(), b.versions(), b.uploads(), client.buckets(), client.zones()):
            assert list(entries) == []


def test_an_append_without_a_position_is_told():
    with Scripted([Answer(200)]) as server, pytest.raises(ois.Error, match="does not say where the next bytes go"):
        ois.Client(endpoint=server.endpoint).bucket("test-bucket").append("x", b"1", 0)


def test_errors_can_be_pickled():
    error = ois.NotFound("gone", status=404, code="object_not_exists", bucket="b", key="k", attempts=2)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is ois.NotFound
    assert str(copy) == str(error) == "b/k: 404 object_not_exists: gone (2 attempts)"


def test_errors_of_many():
    body = {"errors": [{"key": "a", "code": "permission_denied", "message": "no"}]}
    with Scripted([Answer(200, body)]) as server:
        (error,) = ois.Client(endpoint=server.endpoint).bucket("test-bucket").delete_objects(["a", "b"])
    assert isinstance(error, ois.PermissionDenied)
    assert error.key == "a"


def test_upload_clients_that_would_never_end():
    for options in ({"part_size": 0}, {"threads": 0}):
        with pytest.raises(ValueError, match="want at least 1"):
            UploadClient(bucket(), **options)


def test_an_upload_that_fails_raises_and_is_aborted():
    def answers(method, path, headers, body):
        if method == "POST":
            return Answer(200, {"upload_id": "u"})
        return Answer(204) if method == "DELETE" else Answer(403, {"code": "permission_denied", "message": "no"})

    with Scripted(answers) as server, pytest.raises(ois.PermissionDenied):
        UploadClient(bucket(server.endpoint), 4 << 20).upload("x", io.BytesIO(b"x" * (9 << 20)))
    assert server.requests[-1][:2] == ("DELETE", "/test-bucket/x?upload_id=u")
