"""ImagePullStalled"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import image_pull_stalled
from agent.detect.scene import Scene
from agent.model.condition import Finding
from agent.model.disks import Op
from agent.model.oom import Container
from agent.model.pulls import Cause, Meanwhile, Phase, PullReport
from tests.serve.pulls_sample import NOW_NS, PULLS, SILENT, UNPACKED, connection


def found(report: PullReport | None) -> list[Finding]:
    scene = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, pulls=report)
    return list(image_pull_stalled.DETECTOR.detect(scene))


def message(cause: Cause, **fields: object) -> str:
    (finding,) = found(replace(PULLS, pulls=(replace(SILENT, cause=cause),), **fields))
    assert finding.reason == cause.value
    return finding.message


def test_silent() -> None:
    """The blob, for how long, whose fault, and who waits; with the evidence of both sides."""
    (finding,) = found(PULLS)
    assert finding.message == (
        "containerd[998] has got no byte of layer a38044a1cfef for 47 s (37Mi of 212Mi); "
        "10.0.9.4:443 has sent nothing for 46 s; without a container: shop/web-0"
    )
    assert finding.reason == "RegistrySilent"
    blob, registry, device = finding.evidence
    assert "no progress for 47 s, begun 61 s ago" in blob.value
    assert "last_data_recv 46.0 s, 0 bytes unread, unacked 0, retransmits 0" in registry.value
    assert device.value.startswith("nvme0n1: read 0.3 ms, write 2.1 ms")


def test_network() -> None:
    """Each cause has its words."""
    assert "; it is stopped" in message(Cause.RUNTIME_STOPPED)
    dials = (connection(4, dialling=True),)
    assert "it dials 10.0.9.4:443 and nobody" in message(Cause.DIALLING, connections=dials)
    assert "has no connection to a registry" in message(Cause.UNCONNECTED, connections=())
    blind = message(Cause.UNCONNECTED, connections=(), connections_absent="no inet_diag")
    assert "its connections are not known: no inet_diag" in blind
    lost = (connection(4, unacked=2, retransmits=6),)
    assert "acknowledges nothing, 6 retr" in message(Cause.UNACKNOWLEDGED, connections=lost)
    unread = (connection(4, unread_bytes=3 << 20),)
    assert "it does not read 3Mi that" in message(Cause.UNREAD, connections=unread)
    assert "neither the network nor the disk" in message(Cause.UNKNOWN)


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        (
            Meanwhile(slowest_device="dm-0", slowest_op=Op.WRITE, slowest_seconds=2.9),
            "a write on dm-0 took 2900 ms meanwhile",
        ),
        (
            Meanwhile(slowest_device="loop0", stuck_device="dm-0", stuck_seconds=42.0),
            "dm-0 ended no request for 42 s meanwhile",
        ),
        (Meanwhile(), "a thread of it waits in state D, for nvme0n1 as it seems"),
        (
            Meanwhile(slowest_device="nvme0n1", slowest_op=Op.READ, slowest_seconds=0.001),
            "a thread of it waits in state D, for nvme0n1 as it seems",
        ),
    ],
)
def test_disk(meanwhile: Meanwhile, told: str) -> None:
    """What it did meanwhile."""
    slow = replace(SILENT, phase=Phase.COMMIT, cause=Cause.DISK, meanwhile=meanwhile)
    (finding,) = found(replace(PULLS, pulls=(slow,), waiting=()))
    assert finding.reason == "DiskSlow"
    assert finding.message == (
        f"containerd[998] has got all 37Mi of layer a38044a1cfef, and has not written it out for "
        f"47 s; {told}"
    )


def test_many() -> None:
    """The worst is told; of the others how many."""
    pods = tuple(Container(namespace="shop", pod=f"web-{n}", pod_uid=str(n)) for n in range(5))
    stuck = replace(UNPACKED, stalled=True, cause=Cause.UNKNOWN)
    (finding,) = found(replace(PULLS, pulls=(stuck, SILENT), waiting=pods))
    assert finding.message == (
        "containerd[998] unpacks layer 0be89e5ad5b1 and has written nothing of it for 1 s; neither "
        "the network nor the disk explains it; 1 more stalled; without a container: shop/web-0, "
        "shop/web-1, shop/web-2 and 2 more"
    )


def test_nothing() -> None:
    """What moves, and nothing known."""
    assert found(replace(PULLS, pulls=(UNPACKED,))) == found(None) == []
