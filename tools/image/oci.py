"""An OCI archive of layers and of what a Containerfile says; no time and no place is part of it.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import hashlib
import io
import json
import shlex
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.image.commands import BuildError

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_INDEX = "application/vnd.oci.image.index.v1+json"
_PLATFORM: dict[str, Any] = {"architecture": "amd64", "os": "linux"}


def write_layer(tree: Path, layer: Path) -> None:
    """A tree as a tar: names in order, no times, all of root's."""
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(tree.rglob("*")):
            entry = tar.gettarinfo(path, str(path.relative_to(tree)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = 0
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            if entry.islnk():  # of two names for one file, as wheels have them, each is a file
                entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
            if entry.isreg():
                with path.open("rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)


def read_containerfile(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The image's `config`, and the layers that are added. Raises BuildError for what is more."""
    config: dict[str, Any] = {}
    layers = []
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        match instruction, shlex.split(rest):
            case "FROM", ["scratch"]:
                pass
            case "ADD", [layer, "/"]:
                layers.append(layer)
            case "ENV", [pair]:
                config.setdefault("Env", []).append(pair)
            case "LABEL", [pair]:
                key, _, value = pair.partition("=")
                config.setdefault("Labels", {})[key] = value
            case "STOPSIGNAL", [name]:
                config["StopSignal"] = name
            case "ENTRYPOINT", _:
                config["Entrypoint"] = json.loads(rest)
            case "CMD", _:
                config["Cmd"] = json.loads(rest)
            case _:
                raise BuildError(f"{path}: no layer can be made of: {line}")
    return config, tuple(layers)


def write_archive(archive: Path, name: str, containerfile: Path, layers: Sequence[Path]) -> str:
    """Write what `ctr images import` and `skopeo copy oci-archive:` read; returns the digest."""
    config, wanted = read_containerfile(containerfile)
    if list(wanted) != [layer.name for layer in layers]:
        raise BuildError(f"{containerfile} adds {wanted}, not {[layer.name for layer in layers]}")
    files = {_digest_of(layer): layer for layer in layers}
    image = {
        **_PLATFORM,
        "config": {**config, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": list(files)},
        "history": [{"created_by": f"ADD {layer.name} /"} for layer in layers],
    }
    blobs = {digest: layer.stat().st_size for digest, layer in files.items()}
    texts: dict[str, bytes] = {}
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _blob(texts, image, _CONFIG),
        "layers": [
            {"mediaType": _LAYER, "digest": digest, "size": size} for digest, size in blobs.items()
        ],
    }
    at = _blob(texts, manifest, _MANIFEST)
    annotations = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
    }
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [{**at, "annotations": annotations, "platform": _PLATFORM}],
    }
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", _json(index))
        for digest, data in texts.items():
            _add(tar, _blob_name(digest), data)
        for digest, layer in files.items():
            entry = tarfile.TarInfo(_blob_name(digest))
            entry.size = layer.stat().st_size
            with layer.open("rb") as file:
                tar.addfile(entry, file)
    return str(at["digest"])


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


def _blob(blobs: dict[str, bytes], value: object, media_type: str) -> dict[str, Any]:
    data = _json(value)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    blobs[digest] = data
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def _blob_name(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
