"""The names of containerd's files: its content store, and where it unpacks

    ROOT/io.containerd.content.v1.content/ingest/HASH/data   a blob that is being written
    ROOT/io.containerd.content.v1.content/ingest/HASH/ref    "k8s.io/12/layer-sha256:a38044a1..."
    ROOT/io.containerd.content.v1.content/ingest/HASH/total  "6297600"
    ROOT/io.containerd.content.v1.content/ingest/HASH/startedat  "2026-11-27T21:47:54.433645781Z"
    ROOT/io.containerd.content.v1.content/blobs/sha256/HEX   a blob that is there
    ROOT/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs/usr/bin/x  a file of a layer
    ROOT/tmpmounts/containerd-mount2212/usr/bin/x            the same, of a layer with none beneath

ROOT is /var/lib/containerd, or whatever the configuration says.

https://github.com/containerd/containerd/blob/main/docs/content-flow.md
"""

from __future__ import annotations

import datetime
import re

from msgspec import Struct

from agent.model.absence import ParseError
from agent.parse.digits import number

_CONTENT = r"(/.*)/io\.containerd\.content\.v1\.content"
_INGEST = re.compile(_CONTENT + r"/ingest/([0-9a-f]{64})/data")
_BLOB = re.compile(_CONTENT + r"/blobs/(sha256|sha512)/([0-9a-f]{64,128})")
_UNPACKED = re.compile(r".*/io\.containerd\.snapshotter\.v1\.[^/]+/snapshots/.*")
_MOUNTED = re.compile(r".*/tmpmounts/containerd-mount[0-9]+/.*")
_REF = re.compile(r"([^/]+)/[0-9]+/(?:([a-z]+)-)?((?:sha256|sha512):[0-9a-f]{64,128})")
_STAMP = re.compile(r"([0-9-]{10}T[0-9:]{8})(?:\.([0-9]{1,9}))?(Z|[+-][0-9:]{5})")


class StoreFile(Struct, frozen=True, kw_only=True):
    """A file of the content store."""

    root: str
    ingest: str = ""  # its id, of a blob that is being written
    digest: str = ""  # of one that is there


class Ref(Struct, frozen=True, kw_only=True):
    """What an ingest is to become."""

    namespace: str
    kind: str  # "layer"
    digest: str


def store_file(path: str) -> StoreFile | None:
    """Which one a path is; None: it is none."""
    if found := _INGEST.fullmatch(path):
        return StoreFile(root=found[1], ingest=found[2])
    if found := _BLOB.fullmatch(path):
        return StoreFile(root=found[1], digest=f"{found[2]}:{found[3]}")
    return None


def blob_path(ingest: str, digest: str) -> str:
    """Where the blob will be that is written at this path."""
    store = ingest.rpartition("/ingest/")[0]
    return f"{store}/blobs/{digest.replace(':', '/')}"


def is_unpacked(path: str) -> bool:
    """Whether it is a file of a layer that is being unpacked."""
    return bool(_UNPACKED.fullmatch(path) or _MOUNTED.fullmatch(path))


def parse_ref(data: bytes) -> Ref:
    """ParseError if it names no digest: then it is not of an image."""
    text = data.decode("utf-8", "replace").strip()
    found = _REF.fullmatch(text)
    if found is None:
        raise ParseError("containerd ref: namespace/number/kind-digest", text[:120])
    return Ref(namespace=found[1], kind=found[2] or "", digest=found[3])


def parse_total(data: bytes) -> int:
    """Bytes."""
    return number(data.strip(), "containerd total")


def parse_started(data: bytes) -> int:
    """Nanoseconds since 1970."""
    text = data.decode("ascii", "replace").strip()
    found = _STAMP.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        whole = datetime.datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    except ValueError:
        raise ParseError("containerd startedat: RFC 3339", text[:40]) from None
    return int(whole.timestamp()) * 1_000_000_000 + int((found[2] or "0").ljust(9, "0"))
