"""A server on this machine that speaks both hubs' protocols, with Range, and fails on request."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from safetensors.numpy import save

REPOSITORY = "somebody/small-model"


def small_weights(megabytes: int = 3) -> bytes:
    """A real safetensors file, too large for one packet."""
    values = np.random.default_rng(7).random(megabytes * 250_000, dtype=np.float32)
    return save({"weight": values})


def small_model() -> dict[str, bytes]:
    return {
        "config.json": b'{"model_type": "bert"}\n',
        "tokenizer.json": b'{"version": "1.0"}\n',
        "model.safetensors": small_weights(),
        "1_Pooling/config.json": b"{}\n",
        "README.md": b"# not needed\n",
        "onnx/model.onnx": b"not needed",
        "pytorch_model.bin": b"a pickle, never wanted",
    }


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Hub:
    """What the server serves, how it misbehaves, and what it was asked."""

    files: dict[str, bytes]
    url: str = ""
    drops: list[int] = field(default_factory=list)  # cut the next large answers after n bytes
    status: int | None = None  # answer everything with this
    busy_answers: int = 0  # answer 503 this often first
    ignore_range: bool = False
    pause_s: float = 0.0  # before each 64 KiB
    declared: dict[str, str] = field(default_factory=dict)  # lie about a SHA-256
    declared_size: int | None = None  # for every file
    ranges: list[tuple[str, str | None]] = field(default_factory=list)
    authorizations: set[str | None] = field(default_factory=set)

    def tree(self) -> list[dict[str, object]]:
        """The Hugging Face listing: SHA-256 for large files, git's hash for small ones."""
        entries: list[dict[str, object]] = [{"type": "directory", "path": "onnx", "size": 0}]
        for path, content in self.files.items():
            entry: dict[str, object] = {
                "type": "file",
                "path": path,
                "size": self.declared_size or len(content),
                "oid": git_blob(content),
            }
            if path.endswith((".safetensors", ".bin", ".gguf")):
                oid = self.declared.get(path, sha256(content))
                entry["lfs"] = {"oid": oid, "size": len(content)}
            entries.append(entry)
        return entries

    def modelscope_files(self) -> dict[str, object]:
        files: list[dict[str, object]] = [
            {"Path": path, "Type": "blob", "Size": len(content), "Sha256": sha256(content)}
            for path, content in self.files.items()
        ]
        return {"Code": 200, "Data": {"Files": [{"Path": "onnx", "Type": "tree"}, *files]}}


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.hub.authorizations.add(self.headers.get("Authorization"))
        if self.hub.status:
            return self._send(b"no", self.hub.status)
        if self.hub.busy_answers:
            self.hub.busy_answers -= 1
            return self._send(b"later", 503)
        if url.path == f"/api/models/{REPOSITORY}/tree/main":
            return self._list_page(parse_qs(url.query))
        if url.path == f"/api/v1/models/{REPOSITORY}/repo/files":
            return self._send(json.dumps(self.hub.modelscope_files()).encode())
        if url.path == f"/api/v1/models/{REPOSITORY}/repo":
            return self._send_file(parse_qs(url.query)["FilePath"][0])
        resolve = f"/{REPOSITORY}/resolve/main/"
        if url.path.startswith(resolve):
            return self._send_file(unquote(url.path.removeprefix(resolve)))
        return self._send(b"not found", 404)

    def _list_page(self, query: dict[str, list[str]]) -> None:
        """Two pages, as the hub does for long lists."""
        entries = self.hub.tree()
        half = len(entries) // 2
        if "cursor" in query:
            return self._send(json.dumps(entries[half:]).encode())
        link = f'<{self.hub.url}{self.path}&cursor=2>; rel="next"'
        return self._send(json.dumps(entries[:half]).encode(), headers={"Link": link})

    def _send_file(self, path: str) -> None:
        if path not in self.hub.files:
            return self._send(b"not found", 404)
        content = self.hub.files[path]
        wanted = self.headers.get("Range")
        self.hub.ranges.append((path, wanted))
        if not wanted or self.hub.ignore_range:
            return self._send(content)
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return self._send(content[start:], 206, headers)

    def _send(
        self, content: bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if len(content) > 100_000 and self.hub.drops:
            self.wfile.write(content[: self.hub.drops.pop(0)])
            self.close_connection = True
            return
        for start in range(0, len(content), 1 << 16):
            if len(content) > 100_000:
                time.sleep(self.hub.pause_s)
            try:
                self.wfile.write(content[start : start + (1 << 16)])
            except OSError:  # the client has gone
                return

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Hub]:
    """Serve on a free port of 127.0.0.1."""
    hub = Hub(files)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
