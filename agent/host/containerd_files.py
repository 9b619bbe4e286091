"""/proc/PID/fd of containerd: the blobs that it writes or reads now

    fd/13 -> /var/lib/containerd/io.containerd.content.v1.content/ingest/44426883.../data
    fdinfo/13    pos: 3145728

An ingest stays on the disk when its pull was given up; only one that is open is under way. Links
and positions are the kernel's own: no disk is asked for them. What lies beside the data (digest,
size) is on containerd's disk, and its file's device too: `describe` and `exists` may hang.

All of this is for a worker. Reading the links of another process needs CAP_SYS_PTRACE.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from agent.host.absence import SourceAbsent, absent_on_error
from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.model.absence import Absence, ParseError
from agent.model.pulls import BlobFile
from agent.parse.containerd_content import (
    is_unpacked,
    parse_ref,
    parse_started,
    parse_total,
    store_file,
)
from agent.parse.fdinfo import parse_position

MAX_DESCRIPTORS = 65_536
MAX_BLOBS = 64
MAX_UNPACKED = 64
SMALL_FILE = 4096
SNAPSHOTS = "io.containerd.snapshotter.v1.overlayfs"


class OpenFiles(Struct, frozen=True, kw_only=True):
    """What containerd has open of its stores."""

    blobs: tuple[BlobFile, ...] = ()
    unpacked: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    """Files of layers that are being unpacked, and how far each is written."""


class ContainerdFiles:
    """Reads the host's procfs; holds nothing open."""

    def __init__(self, root: HostRoot) -> None:
        self._root = str(root.proc)

    def open(self, pid: int) -> OpenFiles:
        """Raises SourceAbsent: VANISHED (the process is gone), DENIED."""
        blobs: dict[str, BlobFile] = {}
        unpacked: set[tuple[str, int]] = set()
        for descriptor, path in self._links(pid):
            found = store_file(path)
            if found is None:
                if len(unpacked) < MAX_UNPACKED and is_unpacked(path):
                    unpacked.add((path, self._position(pid, descriptor) or 0))
            elif len(blobs) < MAX_BLOBS:
                identity = found.ingest or found.digest
                blobs[identity] = BlobFile(
                    id=identity,
                    unpacking=not found.ingest,
                    path=path,
                    bytes=self._position(pid, descriptor) if found.ingest else None,
                    digest=found.digest,
                )
        return OpenFiles(blobs=tuple(blobs.values()), unpacked=frozenset(unpacked))

    def _links(self, pid: int) -> Iterator[tuple[str, str]]:
        """Descriptors of files with a path."""
        at = f"{self._root}/{pid}/fd"
        with absent_on_error(at, "reading the descriptors of containerd needs CAP_SYS_PTRACE"):
            names = os.listdir(at)[:MAX_DESCRIPTORS]
        for name in names:
            try:
                path = os.readlink(f"{at}/{name}")
            except OSError:
                continue  # closed meanwhile
            if path.startswith("/") and path != "/dev/null":
                yield name, path

    def _position(self, pid: int, descriptor: str) -> int | None:
        try:
            return parse_position(read_file(f"{self._root}/{pid}/fdinfo/{descriptor}"))
        except (SourceAbsent, ParseError):
            return None  # closed meanwhile

    def describe(self, pid: int, file: BlobFile) -> BlobFile:
        """The same with its device, and of one that is written what it is to become. Raises
        nothing; may hang.
        """
        at = f"{self._root}/{pid}/root{file.path}"
        try:
            status = os.stat(at)
        except OSError as error:
            return replace(file, unread=SourceAbsent.of(error, file.path).absent.detail)
        if file.unpacking:
            device = self._snapshots(pid, file.path) or _number(status.st_dev)
            return replace(file, device=device, kind="layer", total_bytes=status.st_size)
        device = _number(status.st_dev)
        beside = at.removesuffix("/data")
        try:
            ref = parse_ref(read_file(f"{beside}/ref", limit=SMALL_FILE))
            started = parse_started(read_file(f"{beside}/startedat", limit=SMALL_FILE))
        except (SourceAbsent, ParseError) as error:
            return replace(file, device=device, unread=str(error))
        return replace(
            file,
            device=device,
            kind=ref.kind,
            digest=ref.digest,
            namespace=ref.namespace,
            total_bytes=self._total(f"{beside}/total"),
            started_wall_ns=started,
        )

    def _snapshots(self, pid: int, path: str) -> str:
        """The device that layers are unpacked to; empty: another snapshotter's."""
        found = store_file(path)
        try:
            status = os.stat(f"{self._root}/{pid}/root{found.root if found else ''}/{SNAPSHOTS}")
        except OSError:
            return ""
        return _number(status.st_dev)

    def _total(self, path: str) -> int | None:
        """None: the registry has not told it."""
        try:
            return parse_total(read_file(path, limit=SMALL_FILE))
        except (SourceAbsent, ParseError):
            return None

    def exists(self, pid: int, path: str) -> bool:
        """Whether a file is there, as this process has it. Raises SourceAbsent; may hang."""
        try:
            os.stat(f"{self._root}/{pid}/root{path}")
        except OSError as error:
            absent = SourceAbsent.of(error, path)
            if absent.absent.absence is Absence.VANISHED:
                if os.path.exists(f"{self._root}/{pid}/root"):
                    return False
                raise absent from error  # the process is gone, and its files are not
            raise absent from error
        return True


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"
