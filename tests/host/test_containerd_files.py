"""agent.host.containerd_files, on files that this process has open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.containerd_files import ContainerdFiles
from agent.model.absence import Absence
from tests.host.this_host import HOST
from tests.serve.pulls_sample import DIGEST, INGEST

ME = os.getpid()
STARTED = "2026-11-27T21:47:54.433645781Z"


@pytest.fixture
def files() -> ContainerdFiles:
    return ContainerdFiles(HOST)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "io.containerd.content.v1.content"


@pytest.fixture
def ingest(store: Path) -> Iterator[Path]:
    """One that is being written, three bytes so far."""
    path = store / "ingest" / INGEST
    path.mkdir(parents=True)
    beside = {"ref": f"k8s.io/3/layer-{DIGEST}", "total": "4096", "startedat": STARTED}
    for name, text in beside.items():
        (path / name).write_text(text)
    with (path / "data").open("wb", buffering=0) as data:
        data.write(b"abc")
        yield path


def test_written(files: ContainerdFiles, ingest: Path) -> None:
    """How far it is, from the descriptor alone; and what it is to become, from beside it."""
    (file,) = files.open(ME).blobs
    assert (file.id, file.bytes, file.unpacking, file.digest) == (INGEST, 3, False, "")
    known = files.describe(ME, file)
    device = os.stat(ingest).st_dev
    assert known == replace(
        file,
        device=f"{os.major(device)}:{os.minor(device)}",
        kind="layer",
        digest=DIGEST,
        namespace="k8s.io",
        total_bytes=4096,
        started_wall_ns=1_795_816_074_433_645_781,
    )


def test_unread(files: ContainerdFiles, ingest: Path) -> None:
    """What is missing or of another form is said, and never a guess."""
    (file,) = files.open(ME).blobs
    (ingest / "total").unlink()
    assert files.describe(ME, file).total_bytes is None
    (ingest / "ref").write_text("something else")
    known = files.describe(ME, file)
    assert (known.digest, known.total_bytes) == ("", None)
    assert "containerd ref" in known.unread
    gone = files.describe(ME, replace(file, path=f"{ingest}/gone"))
    assert gone.unread.endswith("/gone: No such file or directory")


def test_unpacked(files: ContainerdFiles, store: Path, tmp_path: Path) -> None:
    """A blob that is read, and the files of its layer."""
    blob = store / "blobs" / DIGEST.replace(":", "/")
    layer = tmp_path / "io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs/x"
    for path in (blob, layer):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"abcdef")
    with blob.open("rb"), layer.open("ab", buffering=0):
        found = files.open(ME)
        assert found.unpacked == {(str(layer), 6)}
        (file,) = found.blobs
        assert (file.id, file.unpacking, file.bytes) == (DIGEST, True, None)
        assert files.describe(ME, file).total_bytes == 6
    assert files.open(ME).blobs == ()
    assert files.exists(ME, str(blob))
    assert not files.exists(ME, f"{blob}0")


def test_gone(files: ContainerdFiles) -> None:
    """A process that is not there."""
    with pytest.raises(SourceAbsent) as caught:
        files.open(2**22 + 1)
    assert caught.value.absent.absence is Absence.VANISHED
    with pytest.raises(SourceAbsent):
        files.exists(2**22 + 1, "/etc")
