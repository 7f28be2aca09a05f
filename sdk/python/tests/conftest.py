import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
KEY_ID, SECRET, ZONE = "OISPYTHONEXAMPLE0001", "oisPythonExampleSecretKey0000000000001", "jn1a"


class Server:
    """An `ois serve` of this tree."""

    def __init__(self, folder, program):
        self.folder, self.program, self.process = folder, program, None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def start(self):
        env = dict(os.environ, OIS_ROOT_ACCESS_KEY_ID=KEY_ID, OIS_ROOT_SECRET_ACCESS_KEY=SECRET)
        command = [self.program, "serve", "--data", str(self.folder / "data"), "--listen", f"127.0.0.1:{self.port}"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*command, "--domain", "ois.test", "--zone", ZONE], env=env, stdout=log, stderr=log
            )
        for _ in range(200):
            try:
                with urllib.request.urlopen(self.endpoint + "/-/health", timeout=5):
                    return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError("ois did not start: " + (self.folder / "log").read_text())

    def stop(self):
        self.process.terminate()
        assert self.process.wait(20) == 0, (self.folder / "log").read_text()


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The ois program: $OIS_PROGRAM, or one that is built."""
    named = os.environ.get("OIS_PROGRAM")
    if named:
        return named
    if not shutil.which("go"):
        pytest.skip("needs $OIS_PROGRAM, or Go to build it")
    path = tmp_path_factory.mktemp("bin") / "ois"
    subprocess.run(["go", "build", "-o", path, "./cmd/ois"], cwd=ROOT, check=True)
    return str(path)


@pytest.fixture(scope="session")
def server(tmp_path_factory, program):
    s = Server(tmp_path_factory.mktemp("server"), program)
    s.start()
    yield s
    s.stop()


@pytest.fixture
def new_server(tmp_path, program):
    """A server of its own, on which nobody has a bucket."""
    s = Server(tmp_path, program)
    s.start()
    yield s
    s.stop()


@pytest.fixture
def old_python():
    """A Python that has ois-sdk 1.0.0 instead of this SDK."""
    path = os.environ.get("OIS_OLD_PYTHON")
    if not path:
        pytest.skip("needs $OIS_OLD_PYTHON, a Python with ois-sdk 1.0.0")
    return path


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """Nothing of who runs the tests gets in."""
    for name in list(os.environ):
        if name.startswith("OIS_") and name not in ("OIS_PROGRAM", "OIS_OLD_PYTHON", "OIS_BIG"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
