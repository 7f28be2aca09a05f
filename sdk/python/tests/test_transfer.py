"""Transfers of files against a server."""

import gc
import hashlib
import io
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests
from conftest import KEY_ID, SECRET, ZONE
from scripted import Answer, Scripted

import ois
from ois import transfer
from ois._generated import operations
from ois.sdk import retry
from ois.sdk.client.upload_client import UploadClient
from ois.sdk.unpack import Unpacker

SOURCE = str(pathlib.Path(ois.__file__).parents[1])
MiB = 1 << 20


@pytest.fixture(scope="module")
def client(server):
    return ois.Client(KEY_ID, SECRET, endpoint=server.endpoint, zone=ZONE)


@pytest.fixture
def bucket(client):
    b = client.create_bucket(f"python-{os.urandom(6).hex()}")
    yield b
    assert list(b.uploads()) == []  # nothing is left that costs
    assert b.delete_objects(o.key for o in b.objects()) == []
    b.delete()


def content(size, seed=0):
    return random.Random(seed).randbytes(size)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content(21 * MiB + 5))
    return path


class Pipe(io.RawIOBase):
    """Bytes that come in pieces of odd sizes, once."""

    def __init__(self, data):
        self.file, self.random = io.BytesIO(data), random.Random(1)

    def read(self, size=-1):
        return self.file.read(min(size, self.random.randrange(1, 100_000)))


@pytest.mark.parametrize("size", [0, 1, 8 * MiB - 1, 8 * MiB, 8 * MiB + 1, 16 * MiB, 19 * MiB])
@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_uploads_of_every_size(bucket, kind, size):
    data = content(size)
    seen = []
    file = kind(data)
    written = bucket.upload("x", file, progress=lambda done, total: seen.append(done), metadata={"n": "1"})
    assert bucket.read("x") == data
    info = bucket.head("x")
    assert (info.etag, info.metadata) == (written.etag, {"n": "1"})
    assert seen == sorted(seen)
    assert (seen or [0])[-1] == size
    assert not file.closed


def test_a_file_goes_and_comes_back(bucket, file, tmp_path):
    seen = []
    bucket.upload_file("x", file, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (21 * MiB + 5, 21 * MiB + 5)
    target = tmp_path / "target"
    target.write_text("old")
    done = []
    info = bucket.download_file("x", target, progress=lambda d, t: done.append(d))
    assert info.size == done[-1] == 21 * MiB + 5
    assert target.read_bytes() == file.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["file", "target"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_goes_in_parts(bucket, tmp_path):
    path, data = tmp_path / "pipe", content(9 * MiB)
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    written = bucket.upload_file("x", path, checkpoint=tmp_path / "note")
    writer.join()
    assert written.etag.endswith('-2"')  # and not all of it in memory
    assert bucket.read("x") == data


def test_an_empty_file(bucket, tmp_path):
    (tmp_path / "empty").touch()
    bucket.upload_file("x", tmp_path / "empty", checkpoint=tmp_path / "note")
    bucket.download_file("x", tmp_path / "again", checkpoint=tmp_path / "note")
    assert (tmp_path / "again").read_bytes() == b""
    assert not (tmp_path / "note").exists()


def test_encrypted_transfers(bucket, file, tmp_path):
    key = bytes(range(32))
    bucket.upload_file("x", file, encryption_key=key)
    bucket.download_file("x", tmp_path / "y", encryption_key=key)
    assert (tmp_path / "y").read_bytes() == file.read_bytes()


def test_a_reader_that_fails_aborts(bucket):
    class Broken(Pipe):
        def read(self, size=-1):
            if self.file.tell() > 10 * MiB:
                raise OSError("disk on fire")
            return super().read(size)

    with pytest.raises(OSError, match="disk on fire"):
        bucket.upload("x", Broken(content(20 * MiB)))
    with pytest.raises(ois.NotFound):
        bucket.head("x")


def test_a_download_that_fails_leaves_nothing(bucket, tmp_path):
    with pytest.raises(ois.NotFound):
        bucket.download_file("nope", tmp_path / "x")

    def stop(done, total):
        raise KeyboardInterrupt

    bucket.put("x", content(1000))
    with pytest.raises(KeyboardInterrupt):
        bucket.download_file("x", tmp_path / "x", progress=stop)
    assert [p for p in tmp_path.iterdir() if p.is_file()] == []


def test_uploads_go_on(bucket, file, tmp_path):
    note = tmp_path / "note"

    def stop(done, total):
        if done > 17 * MiB:
            raise OSError("stopped")

    with pytest.raises(OSError, match="stopped"):
        bucket.upload_file("x", file, checkpoint=note, progress=stop, threads=1)
    (upload,) = bucket.uploads()
    assert json.loads(note.read_text())["upload_id"] == upload.upload_id
    first = []
    bucket.upload_file("x", file, checkpoint=note, progress=lambda done, total: first.append(done))
    assert first[0] == 8 * MiB  # what was there counts at once
    assert bucket.read("x") == file.read_bytes()
    assert not note.exists()


def test_a_file_that_changed_begins_anew(bucket, file, tmp_path):
    note = tmp_path / "note"

    def stop(done, total):
        if done > 9 * MiB:
            raise OSError("stopped")

    with pytest.raises(OSError, match="stopped"):
        bucket.upload_file("x", file, checkpoint=note, progress=stop)
    file.write_bytes(content(21 * MiB + 5, seed=2))
    bucket.upload_file("x", file, checkpoint=note)
    assert bucket.read("x") == file.read_bytes()
    assert list(bucket.uploads()) == []


def test_parts_that_are_others_are_sent_again(bucket, file, tmp_path):
    note = tmp_path / "note"

    def stop(done, total):
        if done > 17 * MiB:
            raise OSError("stopped")

    with pytest.raises(OSError, match="stopped"):
        bucket.upload_file("x", file, checkpoint=note, progress=stop, threads=1)
    (upload,) = bucket.uploads()
    ois.check(bucket.api.upload_multipart("x", part_number=0, upload_id=upload.upload_id, body=b"\0" * (8 * MiB)))
    bucket.upload_file("x", file, checkpoint=note)
    assert bucket.read("x") == file.read_bytes()


def test_a_note_that_is_none(bucket, file, tmp_path):
    (tmp_path / "note").write_text("my diary")
    with pytest.raises(ValueError, match="is no checkpoint"):
        bucket.upload_file("x", file, checkpoint=tmp_path / "note")
    assert (tmp_path / "note").read_text() == "my diary"
    (tmp_path / "note").write_text('{"kind": "upload", "bucket": "other"}')
    with pytest.raises(ValueError, match="of another transfer, bucket 'other'"):
        bucket.upload_file("x", file, checkpoint=tmp_path / "note")


def test_downloads_go_on(bucket, file, tmp_path):
    bucket.upload_file("x", file)
    note, target = tmp_path / "note", tmp_path / "target"

    def stop(done, total):
        if done > 17 * MiB:
            raise OSError("stopped")

    with pytest.raises(OSError, match="stopped"):
        bucket.download_file("x", target, checkpoint=note, progress=stop, threads=1)
    assert not target.exists()
    assert json.loads(note.read_text())["done"] == [0, 1]
    first = []
    bucket.download_file("x", target, checkpoint=note, progress=lambda done, total: first.append(done))
    assert first[0] == 8 * MiB
    assert target.read_bytes() == file.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["file", "target"]


def test_an_object_that_changed_begins_anew(bucket, file, tmp_path):
    bucket.upload_file("x", file)
    note, target = tmp_path / "note", tmp_path / "target"

    def stop(done, total):
        if done > 9 * MiB:
            raise OSError("stopped")

    with pytest.raises(OSError, match="stopped"):
        bucket.download_file("x", target, checkpoint=note, progress=stop)
    bucket.put("x", b"short")
    bucket.download_file("x", target, checkpoint=note)
    assert target.read_bytes() == b"short"


def test_an_object_that_changes_meanwhile_is_not_mixed(bucket, file, tmp_path):
    bucket.upload_file("x", file)

    def replace(done, total):
        if done < 5 * MiB:
            bucket.put("x", b"\0" * (21 * MiB + 5))

    with pytest.raises(ois.PreconditionFailed):
        bucket.download_file("x", tmp_path / "target", progress=replace, threads=1)
    assert not (tmp_path / "target").exists()


KILLED = """
import os, signal, sys
import ois
endpoint, key_id, secret, bucket, path, note, what = sys.argv[1:]
b = ois.Client(key_id, secret, endpoint=endpoint).bucket(bucket)
def stop(done, total):
    if done > 15 << 20:
        os.kill(os.getpid(), signal.SIGKILL)
getattr(b, what)("x", path, checkpoint=note, progress=stop, threads=2)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_after_kill_9(bucket, client, server, file, tmp_path):
    def killed(what, path, note):
        arguments = [server.endpoint, KEY_ID, SECRET, bucket.name, str(path), str(note), what]
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=dict(os.environ, PYTHONPATH=SOURCE))
        assert done.returncode == -signal.SIGKILL

    note = tmp_path / "note"
    killed("upload_file", file, note)
    (_upload,) = bucket.uploads()
    bucket.upload_file("x", file, checkpoint=note)
    assert bucket.read("x") == file.read_bytes()
    killed("download_file", tmp_path / "target", note)
    assert not (tmp_path / "target").exists()
    bucket.download_file("x", tmp_path / "target", checkpoint=note)
    assert (tmp_path / "target").read_bytes() == file.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["file", "target"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_upload_client_resumes(bucket, file):
    api = bucket.api
    upload_id = ois.check(api.initiate_multipart_upload("x"))["upload_id"]
    data = file.read_bytes()
    for number in (0, 2):
        part = data[number * 4 * MiB : (number + 1) * 4 * MiB]
        ois.check(api.upload_multipart("x", part_number=number, upload_id=upload_id, body=part))
    read = []
    with open(file, "rb") as f:
        output = UploadClient(api, 4 * MiB).resume("x", f, upload_id, hooks={"read": [lambda: read.append(1)]})
    assert output.status_code == 201
    assert bucket.read("x") == data
    assert len(read) * 1024 - 1024 < len(data) - 8 * MiB <= len(read) * 1024


@pytest.mark.parametrize("size", [0, 5, 4 * MiB, 9 * MiB])
@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_upload_client(bucket, kind, size):
    data = content(size)
    f = kind(data)
    if kind is io.BytesIO:
        f.seek(size)  # as after writing it
    output = UploadClient(bucket.api, 4 * MiB).upload("x", f, content_type="text/x-a")
    assert output.status_code == 201
    assert bucket.read("x") == data
    assert bucket.head("x").content_type == "text/x-a"


def test_threads_share_a_client(bucket):
    errors = []

    def work(number):
        try:
            for n in range(30):
                key = f"{number}/{n}"
                bucket.put(key, key.encode())
                assert bucket.read(key) == key.encode()
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    assert sum(1 for _ in bucket.objects()) == 240


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs Linux")
def test_nothing_is_left_open(server, file, tmp_path):
    def stop(done, total):
        if done > 10 * MiB:
            raise OSError("stopped")

    def work():
        with ois.Client(KEY_ID, SECRET, endpoint=server.endpoint, zone=ZONE) as client:
            bucket = client.create_bucket(f"python-{os.urandom(6).hex()}")
            bucket.upload_file("x", file)
            bucket.download_file("x", tmp_path / "target")
            for fails in (
                lambda: bucket.upload_file("y", file, progress=stop),
                lambda: bucket.upload("y", Pipe(file.read_bytes()), progress=stop),
                lambda: bucket.download_file("x", tmp_path / "target", progress=stop),
            ):
                with pytest.raises(OSError, match="stopped"):
                    fails()
            with pytest.raises(ois.NotFound):
                bucket.get("nope")
            next(iter(bucket.get("x")))  # given up without being closed
            bucket.api.get_object("x")
            assert list(bucket.uploads()) == []
            bucket.delete_object("x")
            bucket.delete()

    def opened():
        gc.collect()
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    work()
    before = opened()
    for _ in range(3):
        work()
    assert opened() == before
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["file", "target"]


def test_a_lost_answer_to_the_completion(monkeypatch):
    monkeypatch.setattr(retry, "sleep", lambda seconds: None)
    stored = {}

    def answers(method, path, headers, body):
        if method == "POST" and path.endswith("?uploads"):
            return Answer(200, {"upload_id": "u"})
        if method == "POST":
            stored["etag"] = headers["ETag"]
            return None
        if method == "HEAD":
            return Answer(200, ETag=stored["etag"])
        return Answer(201, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    with Scripted(answers) as server:
        written = ois.Client(endpoint=server.endpoint).bucket("b").upload("x", io.BytesIO(content(9 * MiB)))
    assert written.etag == stored["etag"]
    assert [r[0] for r in server.requests] == ["POST", "PUT", "PUT", "POST", "HEAD"]


def test_a_part_that_arrives_damaged():
    def answers(method, path, headers, body):
        if method == "POST":
            return Answer(200, {"upload_id": "u"})
        return Answer(201, ETag='"00000000000000000000000000000000"')

    with Scripted(answers) as server, pytest.raises(ois.ChecksumMismatch):
        ois.Client(endpoint=server.endpoint).bucket("b").upload("x", io.BytesIO(content(9 * MiB)))
    assert server.requests[-1][0] == "DELETE"


def test_nobody_waits_for_what_is_given_up():
    both = threading.Barrier(2, timeout=20)

    def answers(method, path, headers, body):
        if method == "POST":
            return Answer(200, {"upload_id": "u"})
        if method == "DELETE":
            return Answer(204)
        both.wait()
        if "part_number=0" in path:
            return Answer(503, {"code": "slow_down", "message": "m"}, Retry_After="30")
        return Answer(403, {"code": "permission_denied", "message": "m"})

    begun = time.monotonic()
    with Scripted(answers) as server, pytest.raises(ois.PermissionDenied):
        ois.Client(endpoint=server.endpoint).bucket("b").upload("x", io.BytesIO(bytes(9 << 20)))
    assert time.monotonic() - begun < 20
    assert [r[0] for r in server.requests] == ["POST", "PUT", "PUT", "DELETE"]


def test_a_file_that_shrinks(bucket, file):
    class Shrinks(io.BytesIO):
        def read(self, size=-1):
            return b"" if self.tell() > 4 * MiB else super().read(size)

    with pytest.raises(OSError, match="become shorter"):
        bucket.put("x", Shrinks(content(6 * MiB)))


def test_a_file_that_changes_meanwhile_is_not_stored(bucket, file, tmp_path):
    def touch(done, total):
        os.utime(file, (1, 1))

    for options in ({}, {"checkpoint": tmp_path / "note"}):
        with pytest.raises(OSError, match="was changed while it was uploaded"):
            bucket.upload_file("x", file, progress=touch, **options)
        os.utime(file)
        with pytest.raises(ois.NotFound):
            bucket.head("x")
    bucket.upload_file("x", file, checkpoint=tmp_path / "note")  # the note is of another file, and the upload is gone
    assert bucket.read("x") == file.read_bytes()


def test_a_part_file_that_was_cut_begins_anew(bucket, file, tmp_path):
    bucket.upload_file("x", file)
    note, target = tmp_path / "note", tmp_path / "target"

    def stop(done, total):
        if done > 17 * MiB:
            raise OSError("stopped")

    with pytest.raises(OSError, match="stopped"):
        bucket.download_file("x", target, checkpoint=note, progress=stop, threads=1)
    (part,) = tmp_path.glob("target.*.ois-part")
    os.truncate(part, 5)
    bucket.download_file("x", target, checkpoint=note)
    assert target.read_bytes() == file.read_bytes()


def test_a_folder_is_no_file(bucket, tmp_path):
    with Scripted([]) as server, pytest.raises(IsADirectoryError):
        ois.Client(endpoint=server.endpoint).bucket("b").download_file("x", tmp_path)


def too_large(key, **arguments):
    """What the service answers to a copy of more than 5 GiB."""
    answer = requests.Response()
    answer.status_code, answer._content = 400, b'{"code": "entity_too_large", "message": "m"}'
    answer.request = requests.Request("PUT", "http://x/").prepare()
    return Unpacker(answer, operations.COPY_OBJECT)


@pytest.mark.parametrize("sealed", [False, True])
def test_large_objects_are_copied_in_parts(bucket, file, monkeypatch, sealed):
    old, new = (bytes(range(32)), bytes(range(1, 33))) if sealed else (None, None)
    bucket.upload_file(
        "a b", file, metadata={"n": "1"}, content_type="text/x-a", cache_control="no-store", encryption_key=old
    )
    monkeypatch.setattr(bucket.api, "copy_object", too_large, raising=False)
    keys = {"source_encryption_key": old, "encryption_key": new}
    with pytest.raises(ois.Error, match="entity_too_large"):
        bucket.copy("a b", "copied", **keys)  # what is not too large was refused for something else
    monkeypatch.setattr(transfer, "MAX_COPY", 20 * MiB)
    monkeypatch.setattr(transfer, "COPY_PART", 8 * MiB)
    copied = bucket.copy("a b", "copied", **keys)
    assert bucket.read("copied", encryption_key=new) == file.read_bytes()
    info = bucket.head("copied")
    assert (info.metadata, info.content_type, info.cache_control) == ({"n": "1"}, "text/x-a", "no-store")
    assert (info.etag, info.encrypted) == (copied.etag, sealed)
    bucket.copy("a b", "again", metadata={"n": "2"}, source_bucket=bucket.name, **keys)
    info = bucket.head("again")
    assert (info.metadata, info.content_type, info.cache_control) == ({"n": "2"}, "application/octet-stream", "")


def test_a_source_that_is_replaced_while_it_is_copied(bucket, file, monkeypatch):
    bucket.upload_file("x", file)
    monkeypatch.setattr(bucket.api, "copy_object", too_large, raising=False)
    monkeypatch.setattr(transfer, "MAX_COPY", 20 * MiB)
    monkeypatch.setattr(transfer, "COPY_PART", 8 * MiB)
    begin = bucket.api.initiate_multipart_upload

    def replace(*arguments, **options):
        bucket.put("x", b"\0" * (21 * MiB + 5))
        return begin(*arguments, **options)

    monkeypatch.setattr(bucket.api, "initiate_multipart_upload", replace, raising=False)
    with pytest.raises(ois.PreconditionFailed):
        bucket.copy("x", "copied")


def test_options_that_are_wrong(bucket, file):
    for options in ({"part_size": 1}, {"threads": 0}):
        with pytest.raises(ValueError, match="want at least"):
            bucket.upload_file("x", file, **options)


# Both directions of one GiB, in a process that may not have much memory.
MEASURED = """
import re, sys
import ois
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
endpoint, key_id, secret, bucket, path, how = sys.argv[1:]
b = ois.Client(key_id, secret, endpoint=endpoint).bucket(bucket)
before = peak()
if how == "pipe":
    b.upload("big", sys.stdin.buffer)
elif how == "file":
    b.upload_file("big", path)
else:
    b.download_file("big", path)
print(peak() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux")
@pytest.mark.parametrize("how", ["pipe", "file", "download"])
def test_memory_is_bounded(bucket, server, tmp_path, how):
    size = int(os.environ.get("OIS_BIG", "128")) * MiB
    path = tmp_path / "big"
    block = content(MiB)
    with open(path, "wb") as f:
        for _ in range(size // MiB):
            f.write(block)
    if how == "download":
        bucket.upload_file("big", path)
        path = tmp_path / "got"
    arguments = [server.endpoint, KEY_ID, SECRET, bucket.name, str(path), how]
    begun = time.monotonic()
    with open(tmp_path / "big", "rb") as source:
        cat = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE)
    with cat.stdout as pipe:
        command = [sys.executable, "-c", MEASURED, *arguments]
        env = dict(os.environ, PYTHONPATH=SOURCE)
        done = subprocess.run(command, env=env, stdin=pipe, stdout=subprocess.PIPE, check=True)
    cat.wait()
    grown = int(done.stdout) / 1024
    print(f"{how}: {size // MiB} MiB in {time.monotonic() - begun:.1f} s, {grown:.0f} MiB of memory")
    assert grown < (80 if how == "pipe" else 30)
    assert bucket.head("big").size == size
    if how == "download":
        assert path.stat().st_size == size
