"""A remote of git over HTTP that wants a token, as a hosting service does; git's own program answers."""

import os
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

PROGRAM = Path(subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip())


class HttpRemote:
    """Serve the bare repositories in ``folder``; ``refused`` counts those who may not have what they ask for.

    ``answer`` says it: to an Authorization header, and whether somebody pushes, it returns the status, 200 for *may*.
    """

    def __init__(self, folder: Path, answer: Callable[[str, bool], int]) -> None:
        self.refused = 0
        remote = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                given = self.headers.get_all("Authorization") or [""]
                status = answer(given[0], "git-receive-pack" in self.path) if len(given) == 1 else 400
                if status != 200:
                    remote.refused += 1
                    self.send_response(status)
                    if status == 401:
                        self.send_header("WWW-Authenticate", "Basic")
                    self.end_headers()
                    return
                path, _, query = self.path.partition("?")
                environ = {
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(folder),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "REMOTE_USER": "ann",
                    "REMOTE_ADDR": "127.0.0.1",
                }
                command = [PROGRAM / "git-http-backend"]
                done = subprocess.run(command, env=environ, input=body, capture_output=True, check=True)
                head, _, content = done.stdout.partition(b"\r\n\r\n")
                headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self.send_response(int(headers.pop("Status", "200")[:3]))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 # as http.server calls it

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
