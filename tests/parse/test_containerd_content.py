"""agent.parse.containerd_content and agent.parse.fdinfo"""

from __future__ import annotations

import pytest

from agent.model.absence import ParseError
from agent.parse.containerd_content import (
    Ref,
    StoreFile,
    blob_path,
    is_unpacked,
    parse_ref,
    parse_started,
    parse_total,
    store_file,
)
from agent.parse.fdinfo import parse_mount_id, parse_position
from tests.serve.pulls_sample import DIGEST, INGEST, STORE

ROOT = "/var/lib/containerd"


def test_store() -> None:
    """A blob that is written or read, whatever containerd's root is; all else is none."""
    path = f"{STORE}/ingest/{INGEST}/data"
    assert store_file(path) == StoreFile(root=ROOT, ingest=INGEST)
    assert blob_path(path, DIGEST) == f"{STORE}/blobs/{DIGEST.replace(':', '/')}"
    k3s = "/var/lib/rancher/k3s/agent/containerd"
    read = STORE.replace(ROOT, k3s) + f"/blobs/{DIGEST.replace(':', '/')}"
    assert store_file(read) == StoreFile(root=k3s, digest=DIGEST)
    for other in (f"{path} (deleted)", f"{STORE}/ingest/{INGEST}/ref", "/data", f"{STORE}/blobs"):
        assert store_file(other) is None


@pytest.mark.parametrize(
    ("path", "unpacked"),
    [
        (f"{ROOT}/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs/usr/bin/x", True),
        (f"{ROOT}/tmpmounts/containerd-mount2212/usr/bin/x", True),
        (f"{ROOT}/io.containerd.snapshotter.v1.overlayfs/metadata.db", False),
        (f"{ROOT}/io.containerd.metadata.v1.bolt/meta.db", False),
    ],
)
def test_unpacked(path: str, unpacked: bool) -> None:
    """Files of layers, not containerd's own."""
    assert is_unpacked(path) is unpacked


def test_beside() -> None:
    """What lies beside the data."""
    ref = parse_ref(f"k8s.io/12/layer-{DIGEST}".encode())
    assert ref == Ref(namespace="k8s.io", kind="layer", digest=DIGEST)
    assert parse_ref(f"k8s.io/12/{DIGEST}".encode()).kind == ""
    assert parse_total(b"6297600\n") == 6_297_600
    assert parse_started(b"2026-11-27T21:47:54.433645781Z") == 1_795_816_074_433_645_781
    assert parse_started(b"2026-11-27T22:47:54+01:00") == 1_795_816_074_000_000_000


def test_not_so() -> None:
    """Another form is an error, never a guess."""
    for data in (b"", b"buildkit/abc", b"k8s.io/x/layer-" + DIGEST.encode()):
        with pytest.raises(ParseError):
            parse_ref(data)
    for data in (b"", b"-1", b"6e3", b"9" * 30):
        with pytest.raises(ParseError):
            parse_total(data)
    for data in (b"", b"now", b"2026-13-27T21:47:54Z", b"2026-11-27T21:47:54"):
        with pytest.raises(ParseError):
            parse_started(data)


def test_descriptor() -> None:
    """Where the next write goes, and on which mount."""
    data = b"pos:\t3145728\nflags:\t02100001\nmnt_id:\t27\nino:\t9986977\n"
    assert (parse_position(data), parse_mount_id(data)) == (3 << 20, 27)
    for data in (b"", b"pos:\t-1\nmnt_id:\tx\n", b"flags:\t02\n"):
        for parse in (parse_position, parse_mount_id):
            with pytest.raises(ParseError):
                parse(data)
