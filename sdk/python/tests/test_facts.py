"""What a service promises, seen by a program that uses this SDK."""

import base64
import hashlib
import io
import json
import os
import struct
import time
import zlib
from datetime import datetime, timedelta, timezone

import pytest
from conftest import KEY_ID, SECRET, ZONE

import ois
from ois.sdk import signature
from ois.sdk.config import Config
from ois.sdk.request import Encoded
from ois.sdk.service.ois import OIS

MiB = 1 << 20
EVERYBODY = {"type": "group", "name": "QS_ALL_USERS"}


@pytest.fixture(scope="module")
def service(server):
    config = Config(KEY_ID, SECRET)
    config.endpoint = server.endpoint
    return OIS(config)


@pytest.fixture(scope="module")
def nobody(server):
    """The service for those without a key."""
    return OIS(Config().load_config_from_data({"endpoint": server.endpoint}))


@pytest.fixture
def bucket(service):
    b = service.Bucket(f"facts-{os.urandom(6).hex()}", ZONE)
    assert b.put().status_code == 201
    yield b
    b.put_versioning(status="SUSPENDED")
    for u in ok(b.list_multipart_uploads(limit=1000))["uploads"]:
        assert b.abort_multipart_upload(u["key"], upload_id=u["upload_id"]).status_code == 204
    for v in ok(b.list_object_versions(limit=1000))["keys"]:
        assert b.delete_object(v["key"], version_id=v["version_id"]).status_code == 204
    assert b.delete().status_code == 204


@pytest.fixture
def other(nobody, bucket):
    """The bucket for those without a key."""
    return nobody.Bucket(bucket.properties["bucket-name"])


def ok(output):
    return ois.check(output)


def put(bucket, key, body=b"content", **options):
    output = bucket.put_object(key, body=body, **options)
    assert output.status_code == 201, dict(output)
    return output


def refused(output, status, code):
    """Check that an output is an error, with all that errors have."""
    assert (output.status_code, output.get("code")) == (status, code), dict(output)
    assert output["message"]
    assert output["request_id"] == output.headers["x-qs-request-id"]


def within(want, got):
    """Tell whether all of want is in got, which may have more, such as defaults."""
    if isinstance(want, dict):
        return isinstance(got, dict) and all(k in got and within(v, got[k]) for k, v in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and all(map(within, want, got))
    return want == got


def test_codes_of_errors(service, bucket):
    name = bucket.properties["bucket-name"]
    missing = service.Bucket("nobody-has-this-bucket")
    refused(missing.list_objects(), 404, "bucket_not_exists")
    refused(missing.put_object("x", body=b""), 404, "bucket_not_exists")
    refused(bucket.put(), 409, "bucket_already_exists")
    refused(service.Bucket("A").put(), 400, "invalid_bucket_name")
    refused(bucket.get_object("x"), 404, "object_not_exists")
    refused(bucket.put_object("y", x_qs_copy_source=f"/{name}/x"), 404, "object_not_exists")
    refused(bucket.put_object("x", body=b"1", content_md5=base64.b64encode(bytes(16)).decode()), 400, "bad_digest")
    refused(bucket.list_objects(limit=-1), 400, "invalid_argument")
    refused(bucket.upload_multipart("x", part_number=0, upload_id="0", body=b"1"), 404, "upload_not_exists")
    assert bucket.head_object("x").status_code == 404
    assert bucket.delete_object("x").status_code == 204
    put(bucket, "x")
    refused(bucket.delete(), 409, "bucket_not_empty")
    with_other_secret = Config(KEY_ID, "wrong").load_config_from_data({"endpoint": ""})
    with_other_secret.endpoint = f"http://{service.config.host}:{service.config.port}"
    refused(OIS(with_other_secret).list_buckets(), 401, "signature_not_matched")
    with_other_secret.access_key_id = "NOBODYHASTHISKEY0001"
    assert OIS(with_other_secret).list_buckets().status_code in (401, 403)


def test_access_control_lists(bucket, other):
    put(bucket, "x")
    refused(other.get_object("x"), 403, "permission_denied")
    ok(bucket.put_acl(acl=[{"grantee": EVERYBODY, "permission": "READ"}]))
    assert other.get_object("x").content == b"content"
    refused(other.list_objects(), 403, "permission_denied")  # that takes a policy
    refused(other.put_object("y", body=b""), 403, "permission_denied")
    ok(bucket.put_acl(acl=[{"grantee": EVERYBODY, "permission": "FULL_CONTROL"}]))
    put(other, "y")
    grants = ok(bucket.get_acl())
    assert {"grantee": EVERYBODY, "permission": "FULL_CONTROL"} in [
        {"grantee": {n: v for n, v in g["grantee"].items() if n in EVERYBODY}, "permission": g["permission"]}
        for g in grants["acl"]
    ]
    assert grants["owner"]["id"]
    ok(bucket.put_acl(acl=[]))
    refused(other.get_object("x"), 403, "permission_denied")


def test_policies(bucket, other):
    name = bucket.properties["bucket-name"]
    put(bucket, "open/x")
    put(bucket, "x")
    statement = [
        {"id": "a", "user": ["*"], "action": ["get_object"], "effect": "deny", "resource": [f"{name}/open/no*"]},
        {"id": "b", "user": ["*"], "action": ["get_object"], "effect": "allow", "resource": [f"{name}/open/*"]},
        {"id": "c", "user": ["*"], "action": ["list_objects"], "effect": "allow", "resource": [f"{name}/open/*"]},
    ]
    ok(bucket.put_policy(statement=statement))
    assert within(statement, ok(bucket.get_policy())["statement"])
    assert other.get_object("open/x").status_code == 200
    assert [o["key"] for o in ok(other.list_objects(prefix="open/"))["keys"]] == ["open/x"]
    refused(other.list_objects(), 403, "permission_denied")
    refused(other.get_object("x"), 403, "permission_denied")
    refused(other.get_object("open/no"), 403, "permission_denied")
    refused(other.put_object("open/x", body=b""), 403, "permission_denied")
    wrong = [{**statement[0], "effect": "allow", "action": ["fly"]}]
    assert bucket.put_policy(statement=wrong).status_code == 400
    ok(bucket.delete_policy())
    assert ok(bucket.get_policy())["statement"] == []
    refused(other.get_object("open/x"), 403, "permission_denied")


def test_cors(bucket, other):
    rules = [
        {
            "allowed_origin": "http://*.example.com",
            "allowed_methods": ["GET", "PUT"],
            "allowed_headers": ["X-QS-Date"],
            "expose_headers": ["X-QS-Request-Id"],
            "max_age_seconds": 200,
        }
    ]
    ok(bucket.put_cors(cors_rules=rules))
    assert within(rules, ok(bucket.get_cors())["cors_rules"])
    asked = other.options_object(
        "x",
        origin="http://a.example.com",
        access_control_request_method="PUT",
        access_control_request_headers="x-qs-date",
    )
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "http://a.example.com"
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Max-Age"] == "200"
    put(bucket, "x")
    read = bucket._send(with_header(bucket.get_object_request("x"), "Origin", "http://a.example.com"))
    assert read.headers["Access-Control-Allow-Origin"] == "http://a.example.com"
    assert "x-qs-request-id" in read.headers["Access-Control-Expose-Headers"].lower()
    for origin, method in (("http://b.example.org", "PUT"), ("http://a.example.com", "DELETE")):
        asked = other.options_object("x", origin=origin, access_control_request_method=method)
        assert "Access-Control-Allow-Origin" not in asked.headers
    assert bucket.delete_cors().status_code == 204
    asked = other.options_object("x", origin="http://a.example.com", access_control_request_method="PUT")
    assert "Access-Control-Allow-Origin" not in asked.headers


def with_header(request, name, value):
    request.req.headers[name] = value
    return request


SETTINGS = {
    "lifecycle": {
        "rule": [
            {"id": "a", "status": "enabled", "filter": {"prefix": "a/"}, "expiration": {"days": 30}},
            {
                "id": "b",
                "status": "disabled",
                "filter": {"prefix": "b/"},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 3},
            },
        ]
    },
    "notification": {
        "notifications": [
            {
                "id": "one",
                "event_types": ["create_object", "delete_object"],
                "cloudfunc": "notifier",
                "object_filters": ["*.png"],
                "notify_url": "http://example.com/",
            }
        ]
    },
    "external_mirror": {"source_site": "http://example.com:80/image/"},
    "logging": {"target_bucket": "BUCKET", "target_prefix": "log/"},
    "cors": {"cors_rules": [{"allowed_origin": "http://example.com", "allowed_methods": ["GET"]}]},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_come_back(bucket, name):
    setting = json.loads(json.dumps(SETTINGS[name]).replace("BUCKET", bucket.properties["bucket-name"]))
    call = {verb: getattr(bucket, f"{verb}_{name}") for verb in ("put", "get", "delete")}
    nothing = ok(call["get"]())
    assert call["put"](**setting).status_code == 200
    assert within(setting, dict(ok(call["get"]())))
    assert call["delete"]().status_code == 204
    assert ok(call["get"]()) == nothing
    assert not any(nothing.values())


def test_replication_needs_another_zone(bucket):
    rules = [{"id": "r", "status": "enabled", "filters": {"prefix": "a/"}, "destination": {"bucket": "other-bucket"}}]
    refused(bucket.put_replication(rules=rules), 400, "invalid_request")
    assert not ok(bucket.get_replication()).get("rules")
    assert bucket.delete_replication().status_code == 204


def test_domains_come_back(bucket):
    domain = f"{os.urandom(4).hex()}.example.com"
    ok(bucket.put_cname(domain=domain, type="normal"))
    assert domain in json.dumps(ok(bucket.get_cname(type="normal")))
    assert bucket.delete_cname(domain=domain).status_code == 204
    assert domain not in json.dumps(dict(bucket.get_cname(type="normal")))


def test_versions_and_their_restoration(bucket):
    before = put(bucket, "x", b"before")
    ok(bucket.put_versioning(status="ENABLED"))
    assert ok(bucket.get_versioning())["status"] == "ENABLED"
    first = put(bucket, "x", b"first").headers["x-qs-version-id"]
    second = put(bucket, "x", b"second").headers["x-qs-version-id"]
    assert bucket.get_object("x").content == b"second"
    assert bucket.get_object("x", version_id=first).content == b"first"
    deleted = ok(bucket.delete_object("x"))
    marker = deleted.headers["x-qs-version-id"]
    refused(bucket.get_object("x"), 404, "object_not_exists")
    assert ok(bucket.list_objects())["keys"] == []
    listed = ok(bucket.list_object_versions(prefix="x"))["keys"]
    assert [v["version_id"] for v in listed][:3] == [marker, second, first]
    assert [v["delete_marker"] for v in listed] == [True, False, False, False]
    assert [v["is_latest"] for v in listed] == [True, False, False, False]
    assert listed[3]["etag"].strip('"') == before.headers["ETag"].strip('"')
    assert bucket.get_object("x", version_id=marker).status_code in (404, 405)
    assert bucket.delete_object("x", version_id=marker).status_code == 204  # undoes the deletion
    assert bucket.get_object("x").content == b"second"
    name = bucket.properties["bucket-name"]
    assert bucket.copy_object("x", x_qs_copy_source=f"/{name}/x", x_qs_metadata_directive="REPLACE").status_code == 201
    old = Encoded(f"/{name}/x?version_id={first}")
    assert bucket.copy_object("x", x_qs_copy_source=old).status_code == 201
    assert bucket.get_object("x").content == b"first"  # an old version is the present one again
    assert bucket.get_object("x", version_id="0123456789abcdef").status_code in (400, 404)
    ok(bucket.put_versioning(status="SUSPENDED"))
    put(bucket, "x", b"null 1")
    put(bucket, "x", b"null 2")
    nulls = [v for v in ok(bucket.list_object_versions(prefix="x"))["keys"] if v["version_id"] == "null"]
    assert len(nulls) == 1
    assert bucket.get_object("x", version_id="null").content == b"null 2"


def test_appends(bucket):
    first = ok(bucket.append_object("x", position=0, body=b"one", content_type="text/x-a"))
    assert first.headers["x-qs-next-append-position"] == "3"
    second = ok(bucket.append_object("x", position=3, body=b"two"))
    assert second.headers["x-qs-next-append-position"] == "6"
    got = bucket.get_object("x")
    assert (got.content, got.headers["Content-Type"]) == (b"onetwo", "text/x-a")
    wrong = bucket.append_object("x", position=3, body=b"three")
    refused(wrong, 400, "invalid_argument")
    put(bucket, "plain")
    assert bucket.append_object("plain", position=7, body=b"x").status_code in (400, 409)
    assert bucket.get_object("x").content == b"onetwo"


def key_arguments(key, prefix="x_qs_"):
    return {
        prefix + "encryption_customer_algorithm": "AES256",
        prefix + "encryption_customer_key": base64.b64encode(key).decode(),
        prefix + "encryption_customer_key_md5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }


def test_encryption_with_a_key(bucket):
    name = bucket.properties["bucket-name"]
    right, wrong = key_arguments(bytes(range(32))), key_arguments(bytes(32))
    put(bucket, "x", b"secret " * 1000, **right)
    assert bucket.get_object("x", **right).content == b"secret " * 1000
    part = bucket.get_object("x", range="bytes=7-12", **right)
    assert (part.status_code, part.content) == (206, b"secret")
    assert bucket.head_object("x", **right).headers["x-qs-encryption-customer-algorithm"] == "AES256"
    for keys in ({}, wrong):
        output = bucket.get_object("x", **keys)
        assert output.status_code in (400, 403), dict(output)
        assert b"secret" not in output.content
    source = {"x_qs_copy_source": f"/{name}/x"}
    opened = key_arguments(bytes(range(32)), "x_qs_copy_source_")
    assert bucket.put_object("y", **source).status_code in (400, 403)
    assert bucket.put_object("y", **source, **opened, **wrong).status_code == 201  # with another key from now on
    assert bucket.get_object("y", **wrong).content == b"secret " * 1000
    assert bucket.put_object("z", **source, **opened).status_code == 201
    assert bucket.get_object("z").content == b"secret " * 1000
    half = {n: v for n, v in right.items() if not n.endswith("md5")}
    assert bucket.put_object("h", body=b"x", **half).status_code == 400


def begin(bucket, key, **options):
    return ok(bucket.initiate_multipart_upload(key, **options))["upload_id"]


def send(bucket, key, upload_id, number, data):
    output = bucket.upload_multipart(key, part_number=number, upload_id=upload_id, body=data)
    assert output.status_code == 201
    assert output.headers["ETag"].strip('"') == hashlib.md5(data).hexdigest()


def test_uploads_in_parts(bucket):
    upload_id = begin(bucket, "x", content_type="text/x-a", x_qs_meta_data={"n": "1"})
    parts = {5: b"b" * 4 * MiB, 2: b"a" * 4 * MiB, 9: b"end"}
    for number, data in parts.items():
        send(bucket, "x", upload_id, number, b"first try" + data)
        send(bucket, "x", upload_id, number, data)
    listed = ok(bucket.list_multipart("x", upload_id=upload_id))
    assert [(p["part_number"], p["size"]) for p in listed["object_parts"]] == [(2, 4 * MiB), (5, 4 * MiB), (9, 3)]
    page = ok(bucket.list_multipart("x", upload_id=upload_id, limit=1, part_number_marker=2))
    assert [p["part_number"] for p in page["object_parts"]] == [5]
    assert [u["upload_id"] for u in ok(bucket.list_multipart_uploads())["uploads"]] == [upload_id]
    assert bucket.get_object("x").status_code == 404
    for wrong in ([{"part_number": 2}, {"part_number": 3}], [{"part_number": 5}, {"part_number": 2}]):
        output = bucket.complete_multipart_upload("x", upload_id, object_parts=wrong)
        assert output.status_code == 400, dict(output)
    numbers = [{"part_number": n} for n in sorted(parts)]
    assert bucket.complete_multipart_upload("x", upload_id, object_parts=numbers).status_code == 201
    got = bucket.get_object("x")
    assert got.content == parts[2] + parts[5] + parts[9]
    assert (got.headers["Content-Type"], got.headers["x-qs-meta-n"]) == ("text/x-a", "1")
    assert ok(bucket.list_multipart_uploads())["uploads"] == []
    refused(bucket.list_multipart("x", upload_id=upload_id), 404, "upload_not_exists")


def test_uploads_that_are_aborted(bucket):
    upload_id = begin(bucket, "x")
    send(bucket, "x", upload_id, 0, b"1" * 4 * MiB)
    for _ in range(2):
        assert bucket.abort_multipart_upload("x", upload_id=upload_id).status_code == 204
    output = bucket.upload_multipart("x", part_number=1, upload_id=upload_id, body=b"1")
    refused(output, 404, "upload_not_exists")
    output = bucket.complete_multipart_upload("x", upload_id, object_parts=[{"part_number": 0}])
    refused(output, 404, "upload_not_exists")
    assert bucket.get_object("x").status_code == 404


def test_parts_that_are_copied(bucket):
    name = bucket.properties["bucket-name"]
    put(bucket, "source", b"0123456789" * MiB)
    upload_id = begin(bucket, "x")
    for number, area in enumerate(("bytes=0-4194303", "bytes=4194304-10485759")):
        copied = bucket.copy_part(
            "x", upload_id=upload_id, part_number=number, x_qs_copy_source=f"/{name}/source", x_qs_copy_range=area
        )
        assert copied.status_code == 201, dict(copied)
    numbers = [{"part_number": 0}, {"part_number": 1}]
    assert bucket.complete_multipart_upload("x", upload_id, object_parts=numbers).status_code == 201
    assert bucket.get_object("x").content == b"0123456789" * MiB


KEYS = ["a", "b/1", "b/2", "b/c/1", "c", "d/1", "目录/文件", "😀"]


@pytest.fixture
def filled(bucket):
    for key in KEYS:
        put(bucket, key, key.encode())
    return bucket


def listing(bucket, **options):
    """Return keys and prefixes of all pages, which hold no more than they may."""
    keys, prefixes, marker = [], [], options.pop("marker", "")
    while True:
        page = ok(bucket.list_objects(marker=marker, **options))
        assert len(page["keys"]) + len(page["common_prefixes"]) <= options.get("limit", 100)
        keys += [o["key"] for o in page["keys"]]
        prefixes += page["common_prefixes"]
        if not page["has_more"]:
            assert not page["next_marker"]
            return keys, prefixes
        assert page["next_marker"] > marker
        marker = page["next_marker"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_listings(filled, limit):
    assert listing(filled, limit=limit) == (KEYS, [])
    assert listing(filled, limit=limit, prefix="b/") == (KEYS[1:4], [])
    assert listing(filled, limit=limit, delimiter="/") == (["a", "c", "😀"], ["b/", "d/", "目录/"])
    assert listing(filled, limit=limit, delimiter="/", prefix="b/") == (["b/1", "b/2"], ["b/c/"])
    assert listing(filled, limit=limit, marker="b/2") == (KEYS[3:], [])
    assert listing(filled, limit=limit, marker="b/", delimiter="/") == (["c", "😀"], ["d/", "目录/"])
    assert listing(filled, limit=limit, marker="bb", prefix="b/") == ([], [])
    assert listing(filled, limit=limit, delimiter="文") == ([k for k in KEYS if "文" not in k], ["目录/文"])


def test_what_is_listed_of_an_object(bucket):
    put(bucket, "x", b"12345", content_type="text/x-a", x_qs_storage_class="STANDARD_IA")
    page = ok(bucket.list_objects())
    (entry,) = page["keys"]
    assert (entry["size"], entry["mime_type"], entry["storage_class"]) == (5, "text/x-a", "STANDARD_IA")
    assert entry["etag"].strip('"') == hashlib.md5(b"12345").hexdigest()
    assert abs(entry["modified"] - time.time()) < 60
    assert (page["name"], page["limit"]) == (bucket.properties["bucket-name"], 100)


def test_conditions_of_reads(bucket):
    etag = put(bucket, "x").headers["ETag"]
    now = datetime.now(timezone.utc)
    past, future = now - timedelta(days=1), now + timedelta(seconds=2)
    for call in (bucket.get_object, bucket.head_object):
        assert call("x", if_match=etag).status_code == 200
        assert call("x", if_match='"0"').status_code == 412
        assert call("x", if_none_match='"0"').status_code == 200
        assert call("x", if_none_match=etag).status_code == 304
        assert call("x", if_modified_since=past).status_code == 200
        assert call("x", if_unmodified_since=past).status_code == 412
        assert call("x", if_unmodified_since=future).status_code == 200
    name = bucket.properties["bucket-name"]
    source = {"x_qs_copy_source": f"/{name}/x"}
    refused(bucket.put_object("y", **source, x_qs_copy_source_if_match='"0"'), 412, "precondition_failed")
    refused(bucket.put_object("y", **source, x_qs_copy_source_if_none_match=etag), 412, "precondition_failed")
    assert bucket.put_object("y", **source, x_qs_copy_source_if_match=etag).status_code == 201


def test_conditions_of_writes(bucket):
    assert "conditional-write" in bucket.head().headers["X-OIS-Extensions"]
    etag = put(bucket, "x", b"1", if_none_match="*").headers["ETag"]
    refused(bucket.put_object("x", body=b"2", if_none_match="*"), 412, "precondition_failed")
    refused(bucket.put_object("x", body=b"2", if_match='"0"'), 412, "precondition_failed")
    refused(bucket.put_object("y", body=b"2", if_match="*"), 412, "precondition_failed")
    put(bucket, "x", b"2", if_match=etag)
    refused(bucket.delete_object("x", if_match=etag), 412, "precondition_failed")
    assert bucket.get_object("x").content == b"2"


@pytest.mark.parametrize(
    ("area", "status", "want"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=3-5", 206, b"345"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=10-", 416, None),
    ],
)
def test_ranges(bucket, area, status, want):
    put(bucket, "x", b"0123456789")
    output = bucket.get_object("x", range=area)
    assert output.status_code == status
    if want is None:
        assert output["code"] == "invalid_range"
        return
    assert output.content == want
    start = b"0123456789".index(want)
    assert output.headers["Content-Range"] == f"bytes {start}-{start + len(want) - 1}/10"


def test_what_an_object_carries(bucket):
    given = {
        "content_type": "text/x-a; charset=utf-8",
        "cache_control": "no-store",
        "content_disposition": "attachment",
        "content_encoding": "x-mine",
        "expires": "Tue, 05 Mar 2024 08:15:30 GMT",
    }
    put(bucket, "x", **given, x_qs_meta_data={"Author": "team a"})
    name = bucket.properties["bucket-name"]
    assert bucket.put_object("copy", x_qs_copy_source=f"/{name}/x").status_code == 201
    assert bucket.put_object("moved", x_qs_move_source=f"/{name}/copy").status_code == 201
    assert bucket.head_object("copy").status_code == 404
    for key in ("x", "moved"):
        headers = bucket.head_object(key).headers
        assert {n: headers[n.replace("_", "-")] for n in given} == given
        assert headers["x-qs-meta-author"] == "team a"
        assert headers["x-qs-storage-class"] == "STANDARD"
    other = bucket.get_object("x", response_content_type="a/b", response_cache_control="private")
    assert (other.headers["Content-Type"], other.headers["Cache-Control"]) == ("a/b", "private")


def test_many_deletions(bucket):
    for key in ("a", "b", "c"):
        put(bucket, key)
    done = ok(bucket.delete_multiple_objects(objects=[{"key": "a"}, {"key": "nope"}]))
    assert [d["key"] for d in done["deleted"]] == ["a", "nope"]
    quiet = ok(bucket.delete_multiple_objects(objects=[{"key": "b"}], quiet=True))
    assert not quiet.get("deleted")
    assert [o["key"] for o in ok(bucket.list_objects())["keys"]] == ["c"]
    many = [{"key": str(n)} for n in range(1001)]
    assert bucket.delete_multiple_objects(objects=many).status_code == 400


def test_forms_of_visitors(bucket, other):
    fields = {"key": "up/x", "x_qs_meta_data": {"n": "1"}}
    text = json.dumps({"key": "up/x", "x-qs-meta-n": "1"})
    policy = base64.b64encode(text.encode()).decode()
    signed = {"access_key_id": KEY_ID, "policy": policy, "signature": signature.sign(policy, SECRET)}
    sent = other.post_object(body=io.BytesIO(b"form"), file_name="f", **fields, **signed)
    assert sent.status_code == 201, dict(sent)
    got = bucket.get_object("up/x")
    assert (got.content, got.headers["x-qs-meta-n"]) == (b"form", "1")
    other_key = other.post_object(body=b"form", file_name="f", **{**fields, "key": "up/y"}, **signed)
    refused(other_key, 400, "form_policy_violated")
    refused(other.post_object(key="up/y", body=b"form", file_name="f"), 403, "permission_denied")
    signed["signature"] = signature.sign(policy, "wrong")
    refused(other.post_object(body=b"form", file_name="f", **fields, **signed), 401, "signature_not_matched")
    assert bucket.head_object("up/y").status_code == 404


def png(width, height):
    """Return a picture of one colour."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x20\x40\x80" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_images(bucket):
    put(bucket, "x.png", png(40, 30))
    info = json.loads(bucket.image_process("x.png", action="info").content)
    assert (info["width"], info["height"]) == (40, 30)
    for action, size in {"resize:w_20": (20, 15), "crop:w_10,h_5": (10, 5), "rotate:a_90": (30, 40)}.items():
        info = json.loads(bucket.image_process("x.png", action=action + "|info").content)
        assert (info["width"], info["height"]) == size, action
    jpeg = bucket.image_process("x.png", action="format:t_jpeg")
    assert (jpeg.headers["Content-Type"], jpeg.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert bucket.image_process("x.png", action="fly").status_code == 400
    put(bucket, "text", b"no picture")
    assert bucket.image_process("text", action="info").status_code == 400
    assert bucket.image_process("nope", action="info").status_code == 404


def test_statistics(bucket):
    put(bucket, "x", b"12345")
    put(bucket, "y", b"123")
    stats = ok(bucket.get_statistics())
    assert (stats["count"], stats["size"], stats["status"]) == (2, 8, "active")
    assert stats["location"] == ZONE
