"""agent.detect.eviction_imminent and eviction_crossed."""

from __future__ import annotations

from msgspec.structs import replace

from agent.detect import eviction_crossed, eviction_imminent
from agent.detect.eviction import amount, eater_name
from agent.detect.scene import Scene
from agent.model.condition import Finding
from agent.model.memory import Eater, MemoryReport, Room, Signal
from agent.model.oom import Container
from tests.serve.memory_sample import GI, MEMORY, MI, NOW_BOOT_NS, NOW_WALL_NS

HARD, SOFT, DISK, HUNG, PIDS = MEMORY.headrooms


def _found(detector: object, memory: MemoryReport | None) -> list[Finding]:
    detect = detector.DETECTOR.detect  # type: ignore[attr-defined]
    scene = Scene(now_boottime_ns=NOW_BOOT_NS, now_wall_ns=NOW_WALL_NS, memory=memory)
    return list(detect(scene))


def test_imminent() -> None:
    """The most urgent of those that are not crossed, with who eats."""
    [found] = _found(eviction_imminent, MEMORY)
    assert found.reason == "Memory"
    assert found.message == (
        "memory.available 612Mi, hard threshold 500Mi, at this slope 40 s left; eaten by "
        "production/order-processor-5566778899-abc12 app (+1.9Gi in 5 min)"
    )
    assert [item.what for item in found.evidence] == [
        *("memory.available", "evictionHard", "working set", "trend", "grown", "grown"),
    ]
    assert found.evidence[1].source == "config /var/lib/kubelet/config.yaml"


def test_not_imminent() -> None:
    """A falling level is imminent within five minutes; a disk by its trend alone."""
    assert not _found(eviction_imminent, None)
    far = replace(HARD, seconds_left=301.0, room=Room(available=GI, capacity=8 * GI))
    tight_disk = replace(DISK, room=Room(available=10 * GI + 1, capacity=100 * GI))
    memory = replace(MEMORY, headrooms=(far, SOFT, tight_disk, HUNG, PIDS))
    assert not _found(eviction_imminent, memory)
    filling = replace(tight_disk, seconds_left=30.0)
    [found] = _found(eviction_imminent, replace(memory, headrooms=(far, filling)))
    assert found.reason == "NodeFs"
    assert "eaten by" not in found.message


def test_imminent_without_a_trend() -> None:
    """So little that one burst takes it."""
    near = replace(HARD, seconds_left=None, trend=None)
    [found] = _found(eviction_imminent, replace(MEMORY, headrooms=(near,), eaters=()))
    assert found.message == "memory.available 612Mi, hard threshold 500Mi"


def test_crossed() -> None:
    """A hard one before a soft one; all of them are evidence."""
    [found] = _found(eviction_crossed, MEMORY)
    assert found.message == (
        "memory.available 612Mi, soft threshold 1Gi: crossed 31 s ago (the kubelet evicts after "
        "90 s of it); eaten by production/order-processor-5566778899-abc12 app (+1.9Gi in 5 min)"
    )
    disk = replace(DISK, crossed_since_boottime_ns=NOW_BOOT_NS, crossed_since_wall_ns=NOW_WALL_NS)
    [found] = _found(eviction_crossed, replace(MEMORY, headrooms=(SOFT, disk)))
    assert found.message == (
        "nodefs.available 60Gi, hard threshold 10Gi: crossed 0 s ago; also memory.available"
    )
    assert {"evictionHard", "evictionSoft"} <= {item.what for item in found.evidence}
    assert not _found(eviction_crossed, replace(MEMORY, headrooms=(HARD, PIDS)))
    assert not _found(eviction_crossed, None)


def test_crossed_and_not_readable() -> None:
    gone = replace(DISK, room=None, amount=None, absent="the read hangs")
    gone = replace(gone, crossed_since_boottime_ns=NOW_BOOT_NS)
    [found] = _found(eviction_crossed, replace(MEMORY, headrooms=(gone,)))
    assert found.message == (
        "nodefs.available cannot be read (the read hangs), hard threshold 10%: crossed 0 s ago"
    )


def test_words() -> None:
    assert amount(Signal.PID, 9120) == "9120"
    assert amount(Signal.MEMORY, -612 * MI) == "-612Mi"
    assert amount(Signal.MEMORY, 12) == "12B"
    nameless = Eater(
        container=Container(pod_uid="u-1", id="a" * 64), working_set=1, grown_1m=1, grown_5m=1
    )
    assert eater_name(nameless) == "pod u-1 aaaaaaaaaaaa"
    assert eater_name(MEMORY.eaters[1]) == "containerd.service"
