"""Does with a Python SDK what the scenario suite of the official SDKs does, and checks what comes back."""

import base64
import json
import time
from pathlib import Path

import requests

ALGORITHM = "AES256"
KEY = "b2lzLXRlc3QtMzItYnl0ZXMtbG9uZy1rZXktMDAwMSE="
KEY_MD5 = "YPpDBSNZO5yYkhMERXGRIw=="
SEALED = {
    "x_qs_encryption_customer_algorithm": ALGORITHM,
    "x_qs_encryption_customer_key": KEY,
    "x_qs_encryption_customer_key_md5": KEY_MD5,
}
SOURCE = {
    "x_qs_copy_source_encryption_customer_algorithm": ALGORITHM,
    "x_qs_copy_source_encryption_customer_key": KEY,
    "x_qs_copy_source_encryption_customer_key_md5": KEY_MD5,
}


def within(want, got):
    """Reports whether all of want is in got, which may have more: defaults, and the owner among grants."""
    if isinstance(want, dict):
        return isinstance(got, dict) and all(k in got and within(v, got[k]) for k, v in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and all(any(within(v, x) for x in got) for v in want)
    return want == got


def run(check, bucket, name, port, picture):
    scenarios = json.loads(Path("scenarios.json").read_text().replace("BUCKET", name))
    check("create", bucket.put(), 201)
    check("head bucket", bucket.head(), 200)
    for key in scenarios["keys"] + ["k" * 1023]:
        one_object(check, bucket, name, key)
    encrypted(check, bucket, name)
    parts(check, bucket, scenarios["keys"][2])
    for setting, body in scenarios["settings"].items():
        check("put " + setting, getattr(bucket, "put_" + setting)(**body), 200)
        got = check("get " + setting, getattr(bucket, "get_" + setting)(), 200)
        assert within(body, dict(got)), (setting, dict(got))
        if setting != "acl":
            check("delete " + setting, getattr(bucket, "delete_" + setting)(), 204)
    check("let all read", bucket.put_acl(**scenarios["settings"]["acl"]), 200)
    images(check, bucket, name, port, picture, scenarios["image"])
    check("delete bucket", bucket.delete(), 204)


def one_object(check, bucket, name, key):
    body = b"x" * 1024
    copied, moved = ("copied", "moved") if len(key) > 1000 else (key + "_copy", key + "_move")
    check(f"put {key}", bucket.put_object(key, body=body, x_qs_meta_data={"tag": "team-a"}), 201)
    check(f"copy {key}", bucket.put_object(copied, x_qs_copy_source=f"/{name}/{key}"), 201)
    check(f"move {key}", bucket.put_object(moved, x_qs_move_source=f"/{name}/{copied}"), 201)
    for k in (key, moved):
        assert check(f"get {k}", bucket.get_object(k), 200).content == body
    typed = "video/mp4; charset=utf8"
    got = check(f"get {key} with a type", bucket.get_object(key, response_content_type=typed), 200)
    assert got.headers["Content-Type"] == typed, got.headers
    link = bucket.get_object_request(key).sign_query(int(time.time()) + 60)
    assert requests.get(link.url, timeout=10).content == body, link.url
    check(f"head {key}", bucket.head_object(key), 200)
    options = bucket.options_object(key, access_control_request_method="GET", origin="example.com")
    check(f"options {key}", options, 200)
    for k in (key, moved):
        check(f"delete {k}", bucket.delete_object(k), 204)


def encrypted(check, bucket, name):
    check("put sealed", bucket.put_object("sealed", body=b"secret", **SEALED), 201)
    copied = bucket.put_object("sealed copy", x_qs_copy_source=f"/{name}/sealed", **SEALED, **SOURCE)
    check("copy sealed", copied, 201)
    check("move sealed", bucket.put_object("sealed move", x_qs_move_source=f"/{name}/sealed copy"), 201)
    for key in ("sealed", "sealed move"):
        assert check("get " + key, bucket.get_object(key, **SEALED), 200).content == b"secret"
        check("head " + key, bucket.head_object(key, **SEALED), 200)
        check("delete " + key, bucket.delete_object(key), 204)


def parts(check, bucket, key):
    upload = check("initiate", bucket.initiate_multipart_upload(key, content_type="text/plain"), 200)["upload_id"]
    for number, size in enumerate((5, 4, 3)):
        part = bucket.upload_multipart(key, upload_id=upload, part_number=str(number), body=bytes(size << 20))
        check(f"part {number}", part, 201)
    assert check("list parts", bucket.list_multipart(key, upload_id=upload), 200)["count"] == 3
    numbers = [{"part_number": n} for n in range(3)]
    etag = '"0123456789abcdef0123456789abcdef"'
    check("complete", bucket.complete_multipart_upload(key, upload_id=upload, etag=etag, object_parts=numbers), 201)
    check("abort after the end", bucket.abort_multipart_upload(key, upload_id=upload), 204)
    assert len(check("get it", bucket.get_object(key), 200).content) == 12 << 20
    check("delete it", bucket.delete_object(key), 204)


def images(check, bucket, name, port, picture, actions):
    check("put a picture", bucket.put_object("photo.png", body=Path(picture).read_bytes()), 201)
    url = f"http://127.0.0.1:{port}/{name}/photo.png"
    mark = base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
    for action in actions:
        got = check(action, bucket.image_process("photo.png", action=action.replace("MARK", mark)), 200)
        assert got.content, action
    check("delete the picture", bucket.delete_object("photo.png"), 204)
