"""agent.serve.pulls and agent.api.pulls"""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.pulls import Outcome
from agent.serve import pulls
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.pulls_sample import DIGEST, MIB, PULLS, SILENT, WALL_NS, S, connection
from tests.serve.sample import SampleView


def test_answer() -> None:
    """Every field; what is not known is absent."""
    told = pulls.answer(PULLS).pulls
    assert (told.at.ToNanoseconds(), told.stalled_after.ToSeconds()) == (WALL_NS, 30)
    assert (told.pid, told.comm) == (998, "containerd")
    silent, unpacked = told.pulls
    assert (silent.phase, silent.kind, silent.digest) == ("downloading", "layer", DIGEST)
    assert (silent.bytes, silent.total_bytes) == (37 * MIB, 212 * MIB + 4096)
    assert silent.begun.ToNanoseconds() == WALL_NS - 61 * S
    assert (silent.still.ToSeconds(), silent.stalled, silent.cause) == (47, True, "RegistrySilent")
    assert (silent.namespace, list(silent.disks)) == ("k8s.io", ["nvme0n1"])
    assert (silent.meanwhile.slowest_op, silent.meanwhile.slowest.ToMilliseconds()) == ("flush", 8)
    assert (unpacked.phase, unpacked.HasField("bytes"), unpacked.cause) == ("unpacking", False, "")
    assert not unpacked.meanwhile.HasField("slowest")
    (registry,) = told.connections
    assert (registry.remote, registry.since_received.ToSeconds()) == ("10.0.9.4:443", 46)
    (disk,) = told.disks
    assert (disk.device, disk.in_flight, disk.flush.ToMilliseconds()) == ("nvme0n1", 3, 8)
    assert [pod.pod for pod in told.waiting] == ["web-0"]
    (ended,) = told.ended
    assert (ended.outcome, ended.pull.still.ToSeconds()) == ("given_up", 100)
    assert ended.ended.ToNanoseconds() == WALL_NS - 400 * S
    assert ended.pull.meanwhile.cause == "DiskSlow"


def test_dialling() -> None:
    """One that is not made has received nothing."""
    report = replace(PULLS, connections=(connection(4, dialling=True),))
    (dialling,) = pulls.answer(report).pulls.connections
    assert (dialling.dialling, dialling.HasField("since_received")) == (True, False)


def test_metrics() -> None:
    """By phase; nothing while it is not known."""
    view = SampleView()
    pages = Pages(view, HttpStatistics())

    def text() -> str:
        return b"".join(pages.pieces(Format.TEXT)).decode()

    now = text()
    assert 'nodewitness_image_pulls_in_progress{phase="downloading"} 1.0' in now
    assert 'nodewitness_image_pulls_in_progress{phase="committing"} 0.0' in now
    assert "nodewitness_image_pulls_stalled 1.0" in now
    assert "nodewitness_image_pulls_written_bytes 3.8797312e+07" in now
    assert "nodewitness_image_pulls_oldest_seconds 61.0" in now
    assert 'nodewitness_image_pulls_ended_total{outcome="whole"} 12.0' in now
    assert 'nodewitness_image_pulls_ended_total{outcome="unknown"} 0.0' in now
    view.pulls_now = replace(PULLS, pulls=(), ends={Outcome.WHOLE: 1})
    assert "nodewitness_image_pulls_oldest_seconds 0.0" in text()
    view.pulls_now = None
    assert "nodewitness_image_pull" not in text()
    assert SILENT.name == "layer a38044a1cfef"
