"""A replica of an Inference Endpoint with the Hub's own image: a process that serves one commit's model.

It answers as huggingface-inference-toolkit 0.5.6 does: raw bytes with an exact type, or JSON with base64; every failure
is 400. The model is a real one, fetched from the Hub by the official client and run by ONNX Runtime.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from huggingface_hub import snapshot_download

from lepinet.evaluation.predictors.process import ModelProcess

TYPES = {f"image/{kind}" for kind in ("png", "jpeg", "jpg", "tiff", "bmp", "gif", "webp", "x-image")}


class Replica(BaseHTTPRequestHandler):
    """Answers photos."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    model: ClassVar[ModelProcess]
    alone: ClassVar[threading.Lock] = threading.Lock()

    def do_GET(self) -> None:  # http.server calls it so
        self._say(200, {"status": "ok"})

    def do_POST(self) -> None:  # as above
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            photo = self._photo(body)
        except (KeyError, ValueError) as error:
            return self._say(400, {"error": str(error)})
        with self.alone:
            (answer,) = self.model.answer([photo])
        if answer.error:
            return self._say(400, {"error": answer.error})
        return self._say(200, [{"label": guess.label, "score": guess.confidence} for guess in answer.top])

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _photo(self, body: bytes) -> bytes:
        kind = self.headers.get("Content-Type", "")
        if kind in TYPES:
            return body
        if kind in {"application/json", "application/json; charset=UTF-8"}:
            return base64.b64decode(json.loads(body)["inputs"])
        raise ValueError(f'Content type "{kind}" not supported')

    def _say(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(repository: str, revision: str, folder: str) -> None:
    """Serve one commit, after a line with the port; until killed."""
    model = Path(snapshot_download(repository, revision=revision, local_dir=folder))
    with ModelProcess(model) as Replica.model, ThreadingHTTPServer(("127.0.0.1", 0), Replica) as server:
        print(server.server_port, flush=True)  # noqa: T201 -- the parent reads it
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
