"""Notes of transfers that are stale, of others, or used twice at once."""

import hashlib
import io
import json
import os

import pytest
from conftest import KEY_ID, SECRET, ZONE
from scripted import Answer, Scripted
from test_transfer import MiB, bucket, client, content, file  # noqa: F401 (fixtures)

import ois
from ois import lock, transfer
from ois.sdk.client.upload_client import UploadClient


def stopper(limit):
    """Make a progress function that breaks a transfer off."""

    def stop(done, total):
        if done > limit:
            raise OSError("stopped")

    return stop


def broken_off(call, *args, limit=9 * MiB, **options):
    with pytest.raises(OSError, match="stopped"):
        call(*args, progress=stopper(limit), threads=1, **options)


def names(folder):
    return sorted(p.name for p in folder.iterdir() if p.is_file())


@pytest.mark.parametrize("what", ["upload_file", "download_file"])
def test_one_at_a_time(bucket, file, tmp_path, what):  # noqa: F811
    bucket.upload_file("x", file)
    path = {"upload_file": file, "download_file": tmp_path / "target"}[what]
    refused = []

    def again(done, total):
        with pytest.raises(BlockingIOError, match="another transfer with this checkpoint is under way") as e:
            getattr(bucket, what)("x", path, checkpoint=tmp_path / "note")
        refused.append(e.value.filename)

    getattr(bucket, what)("x", path, checkpoint=tmp_path / "note", progress=again, threads=1)
    assert set(refused) == {str(tmp_path / "note.lock")}
    assert path.read_bytes() == file.read_bytes() == bucket.read("x")
    assert names(tmp_path) == sorted({"file", path.name})


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_lock_that_is_removed_meanwhile(tmp_path, monkeypatch):
    path, opened, real = str(tmp_path / "lock"), [], lock.Lock._open

    def open_late(self):
        opened.append(real(self))
        if len(opened) == 1:
            os.unlink(path)  # as whoever had it does
        return opened[-1]

    monkeypatch.setattr(lock.Lock, "_open", open_late)
    with lock.Lock(path), pytest.raises(BlockingIOError):
        lock.Lock(path)
    with lock.Lock(path):
        pass


def test_downloads_to_one_target_with_two_notes(bucket, file, tmp_path):  # noqa: F811
    bucket.upload_file("x", file)
    target = tmp_path / "target"
    inner = []

    def other(done, total):
        if done > 9 * MiB and not inner:
            inner.append(bucket.download_file("x", target, checkpoint=tmp_path / "b"))

    bucket.download_file("x", target, checkpoint=tmp_path / "a", progress=other, threads=1)
    assert inner
    assert target.read_bytes() == file.read_bytes()
    assert names(tmp_path) == ["file", "target"]


def test_the_note_is_not_the_file(bucket, file, tmp_path):  # noqa: F811
    bucket.put("x", b"content")
    with pytest.raises(ValueError, match="is the file itself"):
        bucket.download_file("x", tmp_path / "target", checkpoint=tmp_path / "sub" / ".." / "target")
    with pytest.raises(ValueError, match="is the file itself"):
        bucket.upload_file("x", file, checkpoint=file)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("size", [5, 8 * MiB, 20 * MiB])
def test_a_file_that_changed(bucket, file, tmp_path, size, gone):  # noqa: F811
    note = tmp_path / "note"
    broken_off(bucket.upload_file, "x", file, checkpoint=note)
    if gone:
        (upload,) = bucket.uploads()
        ois.check(bucket.api.abort_multipart_upload("x", upload_id=upload.upload_id))
    file.write_bytes(content(size, seed=3))
    bucket.upload_file("x", file, checkpoint=note)
    assert bucket.read("x") == file.read_bytes()
    assert names(tmp_path) == ["file"]  # and the bucket has no upload, as its fixture sees


def test_an_upload_that_is_gone(file):  # noqa: F811
    def answers(method, path, headers, body):
        if method == "DELETE":
            return Answer(404, {"code": "upload_not_exists", "message": "m"})
        if path.endswith("?uploads"):
            return Answer(200, {"upload_id": "new"})
        return Answer(201, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    note = file.with_name("note")
    with Scripted(answers) as server:
        facts = {"kind": "upload", "endpoint": server.endpoint, "bucket": "b", "key": "x"}
        note.write_text(json.dumps({**facts, "path": str(file), "upload_id": "old"}))
        ois.Client(endpoint=server.endpoint).bucket("b").upload_file("x", file, checkpoint=note)
    assert [r[1] for r in server.requests if r[0] == "DELETE"] == ["/b/x?upload_id=old"]
    assert names(file.parent) == ["file"]


def test_options_that_changed(bucket, file, tmp_path):  # noqa: F811
    note = tmp_path / "note"
    key = b"secret key of 32 bytes in a note"
    broken_off(bucket.upload_file, "x", file, checkpoint=note, metadata={"n": "1"}, encryption_key=key)
    assert "secret" not in note.read_text()
    assert key.hex() not in note.read_text()
    bucket.upload_file("x", file, checkpoint=note, metadata={"n": "2"})
    assert bucket.head("x").metadata == {"n": "2"}
    assert bucket.read("x") == file.read_bytes()


def test_killed_while_the_note_is_written(bucket, file, tmp_path):  # noqa: F811
    bucket.upload_file("x", file)
    target, note = tmp_path / "target", tmp_path / "note"

    def killed(*args):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as m:
        m.setattr(os, "replace", killed)
        m.setattr(os, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            bucket.download_file("x", target, checkpoint=note)
    assert "target" not in names(tmp_path)
    bucket.download_file("x", target, checkpoint=note)
    assert names(tmp_path) == ["file", "target"]


def test_other_threads_and_parts_go_on(bucket, file, tmp_path):  # noqa: F811
    note = tmp_path / "note"
    broken_off(bucket.upload_file, "x", file, checkpoint=note, limit=17 * MiB)
    seen = []
    bucket.upload_file("x", file, checkpoint=note, threads=2, part_size=5 * MiB, progress=lambda d, t: seen.append(d))
    assert seen[0] == 8 * MiB


def test_another_service(bucket, file, tmp_path):  # noqa: F811
    note = tmp_path / "note"
    broken_off(bucket.upload_file, "x", file, checkpoint=note)
    with Scripted([]) as server:
        other = ois.Client(KEY_ID, SECRET, endpoint=server.endpoint, zone=ZONE).bucket(bucket.name)
        with pytest.raises(ValueError, match="is the checkpoint of another transfer, endpoint"):
            other.upload_file("x", file, checkpoint=note)
    bucket.upload_file("x", file, checkpoint=note)


def test_a_note_is_short(bucket, file, tmp_path, monkeypatch):  # noqa: F811
    bucket.upload_file("x", file)
    monkeypatch.setattr(transfer, "MAX_PARTS", 3)
    note = tmp_path / "note"
    broken_off(bucket.download_file, "x", tmp_path / "target", checkpoint=note, part_size=MiB)
    assert json.loads(note.read_text())["part_size"] == 7 * MiB + 2
    bucket.download_file("x", tmp_path / "target", checkpoint=note)
    assert (tmp_path / "target").read_bytes() == file.read_bytes()


def test_without_an_etag_nothing_is_kept(tmp_path):
    data = [content(3 * MiB, seed=1)]

    def answers(method, path, headers, body):
        first, _, last = headers.get("Range", "").partition("=")[2].partition("-")
        if method == "HEAD":
            return Answer(200, data[0])
        part = data[0][int(first) : int(last) + 1]
        return Answer(206, part, Content_Range=f"bytes {first}-{last}/{3 * MiB}")

    target = tmp_path / "target"
    with Scripted(answers) as server:
        b = ois.Client(endpoint=server.endpoint).bucket("b")
        broken_off(b.download_file, "x", target, checkpoint=tmp_path / "note", part_size=MiB, limit=2 * MiB)
        data[0] = content(3 * MiB, seed=2)
        b.download_file("x", target, checkpoint=tmp_path / "note", part_size=MiB)
    assert target.read_bytes() == data[0]


def test_a_lost_answer_about_an_encrypted_object():
    key = bytes(32)
    stored = {}

    def answers(method, path, headers, body):
        if method == "POST" and path.endswith("?uploads"):
            return Answer(200, {"upload_id": "u"})
        if method == "POST":
            stored["etag"] = headers["ETag"]
            return None
        if method == "HEAD":
            known = "X-QS-Encryption-Customer-Key" in headers
            return Answer(200, ETag=stored["etag"]) if known else Answer(400)
        return Answer(201, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    with Scripted(answers) as server:
        b = ois.Client(endpoint=server.endpoint).bucket("b")
        written = b.upload("x", io.BytesIO(content(9 * MiB)), encryption_key=key)
    assert written.etag == stored["etag"]


def test_upload_client_sends_parts_that_are_others_again(bucket, file):  # noqa: F811
    api = bucket.api
    upload_id = ois.check(api.initiate_multipart_upload("x"))["upload_id"]
    ois.check(api.upload_multipart("x", part_number=1, upload_id=upload_id, body=bytes(4 * MiB)))
    with open(file, "rb") as f:
        UploadClient(api, 4 * MiB).resume("x", f, upload_id)
    assert bucket.read("x") == file.read_bytes()
