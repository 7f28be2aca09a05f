"""A server that writes down what it is sent, byte by byte."""

import http.server
import json
import threading

ANSWER = json.dumps({"upload_id": "u1", "keys": [], "buckets": [], "object_parts": [], "count": 0}).encode()


def answer_to(method, target, host):
    """Return body and media type: JSON where the service has JSON, else the bytes of an object."""
    path, _, query = target.partition("?")
    in_host = host.count(".") > 2
    is_object = path.strip("/") != "" if in_host else path.strip("/").count("/") > 0
    if method == "GET" and is_object and "upload_id=" not in query:
        return (ANSWER, "application/json") if path.endswith(".json") else (b"bytes", "application/octet-stream")
    if method == "GET" or query in ("delete", "uploads"):
        return ANSWER, "application/json"
    return b"", "text/plain"


class Recorder:
    """Requests in the order they came; MARK requests begin a new list."""

    def __init__(self):
        self.groups = []
        self.lock = threading.Lock()
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                if self.command == "MARK":
                    with recorder.lock:
                        recorder.groups.append([])
                else:  # noted before the body is there, for some promise more than they send
                    headers = sorted((n.lower(), v) for n, v in self.headers.items())
                    request = {"method": self.command, "target": self.path, "headers": headers, "body": ""}
                    with recorder.lock:
                        recorder.groups[-1].append(request)
                    request["body"] = self.read_body().decode("latin-1")
                answer, kind = answer_to(self.command, self.path, self.headers["Host"])
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("X-QS-Request-Id", "0123")
                self.send_header("X-OIS-Extensions", "conditional-write")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def read_body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                data = b""
                while True:
                    size = int(self.rfile.readline(), 16)
                    data += self.rfile.read(size)
                    self.rfile.readline()
                    if size == 0:
                        return data

            def log_message(self, *args):
                pass

        for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "MARK"):
            setattr(Handler, "do_" + method, Handler.handle_any)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *args: None  # clients go away as they like
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()
