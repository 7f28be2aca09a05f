"""The client against a server."""

import io
import os
import time
from datetime import datetime, timedelta, timezone

import pytest
import requests
from conftest import KEY_ID, SECRET, ZONE

import ois


@pytest.fixture(scope="module")
def client(server):
    with ois.Client(KEY_ID, SECRET, endpoint=server.endpoint, zone=ZONE) as c:
        yield c


@pytest.fixture
def bucket(client):
    b = client.create_bucket(f"python-{os.urandom(6).hex()}")
    yield b
    for u in b.uploads():
        ois.check(b.api.abort_multipart_upload(u.key, upload_id=u.upload_id))
    assert b.delete_objects(o.key for o in b.objects()) == []
    b.delete()


def test_buckets(client, bucket):
    found = {b.name: b for b in client.buckets()}
    assert found[bucket.name].zone == ZONE
    assert found[bucket.name].created.tzinfo is timezone.utc
    assert bucket.exists()
    assert not client.bucket("nobody-has-this").exists()
    assert [z.id for z in client.zones()] == [ZONE]
    with pytest.raises(ois.BucketExists) as e:
        client.create_bucket(bucket.name)
    assert (e.value.status, e.value.code, e.value.operation) == (409, "bucket_already_exists", "PutBucket")
    assert e.value.request_id
    assert bucket.name in str(e.value)


def test_objects_come_back(bucket):
    for key in ["a.txt", "a//b", "../up", "./here", "dir/中文 (v1).txt", "%41+&=?#", "😀", "x" * 1000]:
        written = bucket.put(key, ("content of " + key).encode(), metadata={"Author": "team a"})
        with bucket.get(key) as r:
            assert r.read() == ("content of " + key).encode()
            assert r.info.metadata == {"author": "team a"}
            assert r.info.etag == written.etag
        info = bucket.head(key)
        assert (info.key, info.size, info.etag) == (
            key,
            len("content of " + key.encode().decode().strip()) + len(key.encode()) - len(key),
            written.etag,
        )
        assert datetime.now(timezone.utc) - info.modified < timedelta(minutes=1)
    assert bucket.head("a.txt").content_type == "text/plain"


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"12345",
        lambda: "12345",
        lambda: bytearray(b"12345"),
        lambda: io.BytesIO(b"12345"),
        lambda: io.StringIO("12345"),
        lambda: iter([b"12", b"345"]),
        lambda: skipped(),
        lambda: Unseekable(b"12345"),
        lambda: pipe(b"12345"),
    ],
)
def test_every_kind_of_body(bucket, make):
    body = make()
    bucket.put("x", body)
    assert bucket.read("x") == b"12345"
    if hasattr(body, "close"):
        body.close()


def skipped():
    f = io.BytesIO(b"head12345")
    f.seek(4)
    return f


def pipe(data):
    r, w = os.pipe()
    os.write(w, data)
    os.close(w)
    return open(r, "rb")


class Unseekable(io.RawIOBase):
    """A file that cannot go back and reads a few bytes at a time."""

    def __init__(self, data):
        self.data = data

    def read(self, size=-1):
        size = min(3, size if size >= 0 else 3)
        out, self.data = self.data[:size], self.data[size:]
        return out

    def seekable(self):
        return False


def test_files_stay_open(bucket):
    f = io.BytesIO(b"x" * 100)
    bucket.put("x", f)
    bucket.upload("x", io.BytesIO(b""))
    assert not f.closed
    assert bucket.read("x") == b""


def test_ranges(bucket):
    bucket.put("x", b"0123456789")
    assert bucket.read("x", start=3) == b"3456789"
    assert bucket.read("x", start=3, end=5) == b"34"
    assert bucket.read("x", end=2) == b"01"
    with bucket.get("x", start=3, end=99) as r:
        assert r.info.size == 10
        assert r.read(2) == b"34"
        assert list(r) == [b"56789"]
    with pytest.raises(ois.RangeNotSatisfiable):
        bucket.get("x", start=11)
    with pytest.raises(ValueError, match="range from 5 to 5"):
        bucket.get("x", start=5, end=5)


def test_reader_is_a_file(bucket):
    bucket.put("x", b"line 1\nline 2\n" * 1000)
    with bucket.get("x") as r, io.BufferedReader(r) as lines:
        assert sum(1 for line in lines if line.startswith(b"line")) == 2000
    with pytest.raises(ValueError, match="closed"):
        r.read(1)


def test_errors(bucket, server):
    with pytest.raises(ois.NotFound) as e:
        bucket.get("nope")
    assert (e.value.status, e.value.code, e.value.key) == (404, "object_not_exists", "nope")
    with pytest.raises(ois.NotFound) as e:
        bucket.head("nope")
    assert (e.value.status, e.value.code) == (404, "")
    bucket.put("x", b"1")
    with pytest.raises(ois.BucketNotEmpty):
        bucket.delete()
    with pytest.raises(ois.NotModified):
        bucket.get("x", if_none_match=bucket.head("x").etag)
    with pytest.raises(ois.PreconditionFailed):
        bucket.get("x", if_match='"0"')
    stranger = ois.Client(KEY_ID, "wrong", endpoint=server.endpoint).bucket(bucket.name)
    with pytest.raises(ois.PermissionDenied):
        stranger.read("x")
    nowhere = ois.Client(endpoint="http://127.0.0.1:1", retries=0)
    with pytest.raises(ois.ConnectionFailed) as e:
        list(nowhere.buckets())
    assert e.value.status == 0
    with pytest.raises(ValueError, match="give both"):
        ois.Client("only-an-id")


def test_conditions_of_writes(bucket):
    etag = bucket.put("x", b"1", if_none_match="*").etag
    with pytest.raises(ois.PreconditionFailed):
        bucket.put("x", b"2", if_none_match="*")
    bucket.put("x", b"3", if_match=etag)
    with pytest.raises(ois.PreconditionFailed):
        bucket.delete_object("x", if_match=etag)
    assert bucket.read("x") == b"3"


def test_listings(bucket):
    keys = sorted(f"{d}/{n:04}" for d in "ab" for n in range(1100))
    api = bucket.api
    for key in keys:
        assert api.put_object(key, body=b"").status_code == 201
    assert [o.key for o in bucket.objects()] == keys
    assert [o.key for o in bucket.objects("b/", after="b/1097")] == ["b/1098", "b/1099"]
    assert list(bucket.entries()) == [ois.Prefix("a/"), ois.Prefix("b/")]
    assert next(iter(bucket.entries("a/"))).key == "a/0000"
    assert bucket.delete_objects(iter(keys)) == []
    assert list(bucket.objects()) == []


def test_copy_and_move(bucket):
    bucket.put("a b+c%?", b"x", metadata={"n": "1"}, content_type="text/x-a")
    bucket.copy("a b+c%?", "copied")
    assert bucket.head("copied").metadata == {"n": "1"}
    bucket.copy("a b+c%?", "again", metadata={"n": "2"})
    assert bucket.head("again").metadata == {"n": "2"}
    bucket.move("a b+c%?", "moved")
    assert sorted(o.key for o in bucket.objects()) == ["again", "copied", "moved"]


def test_versions(client):
    bucket = client.create_bucket(f"python-{os.urandom(6).hex()}")
    ois.check(bucket.api.put_versioning(status="ENABLED"))
    assert ois.check(bucket.api.get_versioning())["status"] == "ENABLED"
    first = bucket.put("x", b"first").version_id
    bucket.put("x", b"second")
    bucket.delete_object("x")
    assert bucket.read("x", version_id=first) == b"first"
    bucket.copy("x", "y", source_version=first)
    assert bucket.read("y") == b"first"
    assert [(v.key, v.delete_marker, v.is_latest) for v in bucket.versions("x")] == [
        ("x", True, True),
        ("x", False, False),
        ("x", False, False),
    ]
    for v in bucket.versions():
        bucket.delete_object(v.key, version_id=v.version_id)
    bucket.delete()


def test_append(bucket):
    position = bucket.append("log", b"one", 0)
    assert bucket.append("log", b"two", position) == 6
    assert bucket.read("log") == b"onetwo"
    assert bucket.head("log").next_position == 6
    with pytest.raises(ois.Error):
        bucket.append("log", b"three", 0)


def test_encryption(bucket):
    key = bytes(range(32))
    bucket.put("x", b"secret", encryption_key=key)
    assert bucket.read("x", encryption_key=key) == b"secret"
    assert bucket.head("x").encrypted
    with pytest.raises(ois.Error):
        bucket.read("x")
    bucket.copy("x", "y", source_encryption_key=key)
    assert bucket.read("y") == b"secret"
    with pytest.raises(ValueError, match="5 bytes; want 32"):
        bucket.put("x", b"", encryption_key=b"short")


def test_links(bucket, server):
    bucket.put("a b.txt", b"content")
    url = bucket.presign_get("a b.txt", response_content_disposition='attachment; filename="报告.pdf"')
    answer = requests.get(url, timeout=10)
    assert answer.content == b"content"
    assert "attachment" in answer.headers["Content-Disposition"]
    url = bucket.presign_get("a b.txt", timedelta(minutes=1), host=f"http://localhost:{server.port}")
    assert url.startswith("http://localhost:")
    assert requests.get(url, timeout=10).content == b"content"
    assert requests.get(bucket.presign_get("a b.txt", -time.time() + 1000), timeout=10).status_code == 403
    assert requests.put(bucket.presign_put("new"), data=b"put", timeout=10).status_code == 201
    assert bucket.read("new") == b"put"


def test_anonymous(bucket, server):
    bucket.put("x", b"public")
    nobody = ois.Client(endpoint=server.endpoint).bucket(bucket.name)
    with pytest.raises(ois.PermissionDenied):
        nobody.read("x")
    ois.check(bucket.api.put_acl(acl=[{"grantee": {"type": "group", "name": "QS_ALL_USERS"}, "permission": "READ"}]))
    assert nobody.read("x") == b"public"


def test_forms(bucket):
    output = ois.check(
        bucket.api.post_object(
            key="from/${filename}", body=io.BytesIO(b"form"), file_name='a"b.txt', x_qs_meta_data={"n": "1"}
        )
    )
    assert output.status_code == 201
    assert [o.key for o in bucket.objects()] == ['from/a"b.txt']
    assert bucket.read('from/a"b.txt') == b"form"
    assert bucket.head('from/a"b.txt').metadata == {"n": "1"}


def test_images(bucket):
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001"
        "e221bc330000000049454e44ae426082"
    )
    bucket.put("x.png", png)
    output = ois.check(bucket.api.image_process("x.png", action="info"))
    assert b'"width"' in output.content


def test_settings_come_back(bucket):
    rules = [{"allowed_origin": "http://a.example", "allowed_methods": ["GET"], "max_age_seconds": 9}]
    ois.check(bucket.api.put_cors(cors_rules=rules))
    assert ois.check(bucket.api.get_cors())["cors_rules"][0]["max_age_seconds"] == 9
    ois.check(bucket.api.delete_cors())
    assert ois.check(bucket.api.get_statistics())["count"] == 0
    output = ois.check(bucket.api.options_object("x", access_control_request_method="GET", origin="http://a.example"))
    assert output.status_code == 200
