"""A server that answers what a test says."""

import http.server
import json
import threading


class Answer:
    """One answer. With cut, the connection breaks after so many bytes of the body."""

    def __init__(self, status=200, body=b"", cut=None, **headers):
        self.status, self.cut = status, cut
        self.headers = {n.replace("_", "-"): v for n, v in headers.items()}
        if isinstance(body, dict):
            self.headers.setdefault("Content-Type", "application/json")
            body = json.dumps(body).encode()
        self.body = body


class Scripted:
    """Answers from a list, or from a function of the request; the requests are kept."""

    def __init__(self, answers):
        self.answers = answers if callable(answers) else self.from_list(list(answers))
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.read_body()
                outer.requests.append((self.command, self.path, dict(self.headers.items()), body))
                answer = outer.answers(self.command, self.path, self.headers, body)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response_only(answer.status)
                headers = {"x-qs-request-id": "0123", "Content-Type": "text/plain", **answer.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body if answer.cut is None else answer.body[: answer.cut])
                if answer.cut is not None:
                    self.wfile.flush()
                    self.close_connection = True

            def read_body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                data = b""
                while size := int(self.rfile.readline(), 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return data

            def log_message(self, *args):
                pass

        for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"):
            setattr(Handler, "do_" + method, Handler.handle_any)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    @staticmethod
    def from_list(answers):
        return lambda *request: answers.pop(0)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()
