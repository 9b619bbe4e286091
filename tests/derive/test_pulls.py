"""agent.derive.pulls, agent.derive.pull_cause and agent.derive.disk_chain"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from agent.derive.disk_chain import disk_chain
from agent.derive.pull_cause import DiskWord, cause, disk_word
from agent.derive.pulls import Moment, Pulls
from agent.model.disks import DiskState, Op, OpRate
from agent.model.heartbeat import Connection
from agent.model.pulls import BlobFile, Cause, Phase, Pull
from tests.serve.io_sample import ROOT, VOLUME
from tests.serve.pulls_sample import LAYER, MIB, NOW_NS, READ, WALL_NS, S, connection

AFTER = 30.0
WELL = replace(ROOT, stuck_since_boottime_ns=None)
QUIET = connection(4, since_received_seconds=40.0)
JUST_COME = replace(QUIET, since_received_seconds=0.5, unread_bytes=9)


def slow(seconds: float) -> DiskState:
    rate = OpRate(per_second=3.0, bytes_per_second=0.0, latency_seconds=seconds)
    return replace(ROOT, rates={Op.WRITE: rate}, stuck_since_boottime_ns=None)


class Bench:
    def __init__(self) -> None:
        self.fold = Pulls(stalled_after=AFTER)
        self.seconds = 0.0

    def look(self, *files: BlobFile, after: float = 2.0, **fields: Any) -> tuple[Pull, ...]:
        """The pulls of the next look; `over` has those that are over."""
        self.seconds += after
        connections: tuple[Connection, ...] = fields.pop("connections", (QUIET,))
        disks: tuple[DiskState, ...] = fields.pop("disks", (WELL,))
        moment = Moment(
            boottime_ns=NOW_NS + int(self.seconds * S),
            wall_ns=WALL_NS + int(self.seconds * S),
            files=files,
            unpacked=fields.pop("unpacked", frozenset()),
            connections=connections,
            chain=lambda device: tuple(disk_chain(device, disks)),
            state=fields.pop("state", "S"),
            blocked=fields.pop("blocked", False),
        )
        pulls, self.over = self.fold.take(moment)
        return pulls


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_progress(bench: Bench) -> None:
    """Bytes that come, what has come whole, and that it is over; its age is by containerd's own
    account.
    """
    (pull,) = bench.look(LAYER, after=0)
    assert (pull.phase, pull.stalled, pull.disks) == (Phase.DOWNLOAD, False, ("nvme0n1",))
    assert pull.begun_boottime_ns == NOW_NS - 61 * S
    (pull,) = bench.look(replace(LAYER, bytes=38 * MIB), after=29)
    assert pull.moved_boottime_ns == NOW_NS + 29 * S
    (pull,) = bench.look(replace(LAYER, bytes=LAYER.total_bytes), after=29)
    assert (pull.phase, pull.stalled) == (Phase.COMMIT, False)
    assert not bench.look()
    assert bench.over == (pull,)
    assert not bench.look()
    assert not bench.over


def test_stall(bench: Bench) -> None:
    """Nothing for so long: stalled, and the worst is kept when it goes on."""
    bench.look(LAYER, after=0)
    (pull,) = bench.look(LAYER, after=31)
    assert (pull.stalled, pull.cause) == (True, Cause.SILENT)
    (pull,) = bench.look(replace(LAYER, bytes=38 * MIB))
    assert (pull.stalled, pull.cause) == (False, None)
    worst = pull.meanwhile
    assert (worst.still_seconds, worst.cause) == (31.0, Cause.SILENT)
    assert worst.silent_seconds == 33.0
    assert (worst.slowest_device, worst.slowest_op) == ("nvme0n1", Op.FLUSH)


def test_slow_registry(bench: Bench) -> None:
    """While bytes come no piece of 1 MiB need be whole; another download's bytes are not this
    one's; and what comes too slowly for too long is stalled all the same.
    """
    comes = (connection(4, since_received_seconds=1.0),)
    other = replace(LAYER, id="5" * 64)
    bench.look(LAYER, other, after=0)
    (first, second) = bench.look(LAYER, replace(other, bytes=1), after=31, connections=comes)
    assert (first.file.id, first.stalled, second.stalled) == (LAYER.id, True, False)
    (pull,) = bench.look(LAYER, connections=comes)
    assert not pull.stalled
    (pull,) = bench.look(LAYER, after=60, connections=comes)
    assert pull.stalled


def test_unpack(bench: Bench) -> None:
    """What is read counts from the second look on, and moves with the files that are written."""
    assert not bench.look(READ, after=0)
    one, two = frozenset({("/a", 1)}), frozenset({("/a", 2)})
    (pull,) = bench.look(READ, unpacked=one)
    assert (pull.phase, pull.moved_boottime_ns) == (Phase.UNPACK, NOW_NS + 2 * S)
    (pull,) = bench.look(READ, after=29, unpacked=two)
    assert not pull.stalled
    (pull,) = bench.look(READ, after=31, unpacked=two, disks=(slow(0.3),))
    assert (pull.stalled, pull.cause) == (True, Cause.DISK)
    assert bench.look(READ, replace(READ, id="sha256:" + "0" * 64))
    bench.look(READ)
    assert bench.over == ()  # a manifest that was read between two looks


@pytest.mark.parametrize(
    ("phase", "connections", "disk", "fields", "expected"),
    [
        (Phase.DOWNLOAD, (QUIET,), (WELL,), {}, Cause.SILENT),
        (Phase.DOWNLOAD, (QUIET,), (WELL,), {"state": "T"}, Cause.RUNTIME_STOPPED),
        (Phase.DOWNLOAD, (QUIET,), (slow(3.0),), {}, Cause.SILENT),
        (Phase.DOWNLOAD, (QUIET,), (VOLUME,), {}, Cause.DISK),
        (Phase.DOWNLOAD, (replace(QUIET, unread_bytes=9),), (slow(3.0),), {}, Cause.DISK),
        (Phase.DOWNLOAD, (replace(QUIET, unread_bytes=9),), (), {"blocked": True}, Cause.DISK),
        (Phase.DOWNLOAD, (replace(QUIET, unread_bytes=9),), (WELL,), {}, Cause.UNREAD),
        (Phase.DOWNLOAD, (JUST_COME,), (WELL,), {}, None),
        (Phase.DOWNLOAD, (JUST_COME,), (WELL,), {"blocked": True}, Cause.DISK),
        (Phase.DOWNLOAD, (JUST_COME, replace(QUIET, unread_bytes=9)), (), {}, Cause.UNREAD),
        (Phase.DOWNLOAD, (replace(QUIET, dialling=True),), (WELL,), {}, Cause.DIALLING),
        (Phase.DOWNLOAD, (), (WELL,), {}, Cause.UNCONNECTED),
        (
            Phase.DOWNLOAD,
            (replace(QUIET, unacked=1, retransmits=4),),
            (WELL,),
            {},
            Cause.UNACKNOWLEDGED,
        ),
        (Phase.COMMIT, (QUIET,), (slow(3.0),), {}, Cause.DISK),
        (Phase.COMMIT, (), (WELL,), {}, Cause.UNKNOWN),
        (Phase.UNPACK, (), (WELL,), {"blocked": True}, Cause.DISK),
    ],
)
def test_cause(
    phase: Phase,
    connections: tuple[Connection, ...],
    disk: tuple[DiskState, ...],
    fields: dict[str, Any],
    expected: Cause | None,
) -> None:
    """The first that holds."""
    word = disk_word(disk, NOW_NS)
    told = {"state": "S", "blocked": False, **fields}
    assert cause(phase, connections, word, **told) is expected


def test_disk_word() -> None:
    """The slowest, and the one that has ended nothing for longest."""
    assert disk_word((), NOW_NS) == DiskWord()
    told = disk_word((slow(0.2), VOLUME), NOW_NS)
    assert (told.slowest_device, told.op, told.seconds) == ("nvme0n1", Op.WRITE, 0.2)
    assert (told.stuck_device, told.stuck_seconds, told.bad) == ("dm-0", 42.0, True)
    assert not disk_word((WELL,), NOW_NS).bad


def test_chain() -> None:
    """Of a partition the disk; of a device-mapper device those beneath too."""
    beneath = replace(ROOT, disk=replace(ROOT.disk, name="nvme1n1", id="259:9", part_ids=()))
    disks = (ROOT, VOLUME, beneath)
    assert list(disk_chain("259:2", disks)) == [ROOT]
    assert list(disk_chain("253:0", disks)) == [VOLUME, beneath]
    assert list(disk_chain("0:31", disks)) == []


def test_a_chain_through_a_partition() -> None:
    """LVM lies on a partition as a rule, and that on the disk that it is of; here encrypted too."""
    parts = replace(ROOT.disk, part_ids=("259:1", "259:2"), part_names=("nvme0n1p1", "nvme0n1p2"))
    root = replace(ROOT, disk=parts)
    crypt = replace(VOLUME, disk=replace(VOLUME.disk, name="dm-1", id="253:1", beneath=("dm-0",)))
    volume = replace(VOLUME, disk=replace(VOLUME.disk, beneath=("nvme0n1p2", "nvme9n1p1")))
    disks = (crypt, root, volume)
    assert list(disk_chain("253:1", disks)) == [crypt, volume, root]


def test_what_has_just_come(bench: Bench) -> None:
    """It may be read at once: why nothing came until now stays as it was."""
    bench.look(LAYER, after=0, connections=(QUIET,))
    (pull,) = bench.look(LAYER, after=100, connections=(QUIET,))
    assert pull.cause is Cause.SILENT
    (pull,) = bench.look(LAYER, after=1, connections=(JUST_COME,))
    assert (pull.stalled, pull.cause) == (True, Cause.SILENT)
