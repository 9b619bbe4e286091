"""The images of the test containers (pause, work) as an OCI archive, without a registry.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAUSE = "lab.local/pause:1"
WORK = "lab.local/work:1"
APPLETS = (
    "cat",
    "cut",
    "dd",
    "echo",
    "env",
    "false",
    "head",
    "ip",
    "kill",
    "ls",
    "mkdir",
    "mount",
    "ps",
)
MORE_APPLETS = ("rmdir", "seq", "sh", "sleep", "stat", "sync", "tail", "true")
DIRECTORIES = ("dev", "proc", "sys", "tmp")

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"


def write_images(archive: Path, *, pause: Path, work: Path, busybox: Path) -> None:
    """Write the archive that `ctr images import` reads."""
    blobs: dict[str, bytes] = {}
    links = {f"bin/{name}": "busybox" for name in (*APPLETS, *MORE_APPLETS)}
    files = {"bin/busybox": busybox, "bin/work": work}
    manifests = [
        _image(blobs, PAUSE, _layer({"pause": pause}, {}), ["/pause"]),
        _image(blobs, WORK, _layer(files, links), ["/bin/work"]),
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}', 0o644)
        _add(tar, "index.json", _json(index), 0o644)
        for digest, data in blobs.items():
            _add(tar, f"blobs/sha256/{digest.removeprefix('sha256:')}", data, 0o644)


def _image(blobs: dict[str, bytes], name: str, layer: bytes, entry: list[str]) -> dict[str, Any]:
    layer_at = _blob(blobs, layer, LAYER)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": entry, "Env": ["PATH=/bin"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [layer_at["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(blobs, _json(config), CONFIG),
        "layers": [layer_at],
    }
    annotations = {"io.containerd.image.name": name}
    platform = {"architecture": "amd64", "os": "linux"}
    at = _blob(blobs, _json(manifest), MANIFEST)
    return {**at, "annotations": annotations, "platform": platform}


def _blob(blobs: dict[str, bytes], data: bytes, media_type: str) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    blobs[digest] = data
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def _layer(files: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        parents = {str(Path(name).parent) for name in files} - {"."}
        for name in (*DIRECTORIES, *sorted(parents)):
            directory = tarfile.TarInfo(name)
            directory.type = tarfile.DIRTYPE
            directory.mode = 0o1777 if name == "tmp" else 0o755
            tar.addfile(directory)
        for name, path in files.items():
            _add(tar, name, path.read_bytes(), 0o755)
        for name, goal in links.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, goal
            tar.addfile(link)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
