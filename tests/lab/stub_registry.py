"""A registry of its own small images, for a process in the guest: it needs nothing but Python.

    python3 stub_registry.py PORT MIB

Any name is an image of one layer with MIB MiB that do not compress, of no other name. A line on its
stdin is a command: "hold N" sends no layer beyond its first N bytes any more, "go" sends the rest.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import hashlib
import io
import json
import random
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
BLOB = "application/octet-stream"
CHUNK = 1 << 16
MIB = 1 << 20


class Images:
    """What is served, and how much of it."""

    def __init__(self, mib: int) -> None:
        self.blobs: dict[str, bytes] = {}
        self._mib = mib
        self._manifests: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._limit: int | None = None

    def manifest(self, name: str) -> bytes:
        """Of the image of that name."""
        with self._lock:
            if name not in self._manifests:
                self._manifests[name] = self._make(name)
            return self._manifests[name]

    def _make(self, name: str) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            file = tarfile.TarInfo("filler")
            file.size = self._mib * MIB
            tar.addfile(file, io.BytesIO(random.Random(name).randbytes(file.size)))
        layer = self._keep(buffer.getvalue(), LAYER)
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/filler"]},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }
        told = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._keep(json.dumps(config).encode(), CONFIG),
            "layers": [layer],
        }
        return json.dumps(told).encode()

    def _keep(self, data: bytes, media_type: str) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def hold(self, limit: int | None) -> None:
        """From now on nothing is sent beyond so many bytes of a layer."""
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def allowed(self, sent: int) -> int:
        """How many bytes may be sent behind those that were; waits until it is one at least."""
        with self._changed:
            while self._limit is not None and sent >= self._limit:
                self._changed.wait()
            return CHUNK if self._limit is None else min(CHUNK, self._limit - sent)


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD of manifests and blobs, with ranges."""

    protocol_version = "HTTP/1.1"
    images: ClassVar[Images]

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        name, _, wanted = path.removeprefix("/v2/").rpartition("/")
        if path == "/v2/":
            self._reply(b"{}", "application/json", body=body)
        elif name.endswith("/manifests"):
            manifest = self.images.manifest(name.removesuffix("/manifests"))
            self._reply(manifest, MANIFEST, body=body)
        elif wanted in self.images.blobs:
            self._reply(self.images.blobs[wanted], BLOB, body=body)
        else:
            self.send_error(404)

    def _reply(self, data: bytes, media_type: str, *, body: bool) -> None:
        begin = 0
        span = self.headers.get("Range", "")
        if span.startswith("bytes="):
            begin = int(span[6:].partition("-")[0])
        self.send_response(206 if begin else 200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(data).hexdigest()}")
        self.end_headers()
        sent = begin
        while body and sent < len(data):
            large = media_type == BLOB and len(data) > MIB
            count = self.images.allowed(sent) if large else CHUNK
            self.wfile.write(data[sent : sent + count])
            sent += count

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        print(format % args, file=sys.stderr, flush=True)


def main() -> None:
    """Serve until the end of stdin."""
    port, mib = int(sys.argv[1]), int(sys.argv[2])
    Handler.images = Images(mib)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("serves", flush=True)
    for line in sys.stdin:
        words = line.split()
        Handler.images.hold(int(words[1]) if words[0] == "hold" else None)
        print(f"did {line}", end="", flush=True)


if __name__ == "__main__":
    main()
