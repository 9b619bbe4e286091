"""agent.serve.heartbeat and agent.api.heartbeat"""

from __future__ import annotations

from msgspec.structs import replace

from agent.model.heartbeat import Calls
from agent.serve import heartbeat
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.heartbeat_sample import API_SERVER, HEARTBEAT, KUBELET, WALL_NS
from tests.serve.sample import SampleView


def test_answer() -> None:
    """Every field; what is well has no trouble."""
    told = heartbeat.answer(HEARTBEAT).heartbeat
    assert (told.at.ToNanoseconds(), told.stalled_after.ToSeconds()) == (WALL_NS, 10)
    kubelet, server = told.callers
    assert (kubelet.role, kubelet.pid, kubelet.unit) == ("kubelet", 812, "kubelet.service")
    (stuck,) = kubelet.connections
    assert (stuck.trouble, stuck.trouble_for.ToSeconds()) == ("unacknowledged", 42)
    assert (stuck.stalled, stuck.dialling, stuck.retransmits, stuck.backoff) == (True, False, 8, 8)
    assert (stuck.unacknowledged_segments, stuck.queued_bytes) == (3, 2212)
    assert (stuck.since_received.ToSeconds(), stuck.retransmit_timeout.ToMilliseconds()) == (
        48,
        51_200,
    )
    assert server.container.pod == "kube-apiserver-cp-1"
    dialling, well = server.connections
    assert (dialling.dialling, dialling.trouble, dialling.stalled) == (True, "dialling", False)
    assert (well.trouble, well.HasField("trouble_for")) == ("", False)
    silent, refuses = server.failing
    assert (silent.failing_for.ToSeconds(), silent.unanswered, silent.dialling) == (371, 29, 1)
    assert (refuses.refused, refuses.refuses, refuses.unreachable) == (12, True, True)


def test_metrics() -> None:
    """By process; one whose connections are not known has none."""
    view = SampleView()
    pages = Pages(view, HttpStatistics())

    def text() -> str:
        return b"".join(pages.pieces(Format.TEXT)).decode()

    name = "nodewitness_heartbeat_connections"
    now = text()
    assert f'{name}{{process="kubelet",which="all"}} 1.0' in now
    assert f'{name}{{process="kubelet",which="stalled"}} 1.0' in now
    assert f'{name}{{process="kube-apiserver",which="stalled"}} 0.0' in now
    assert 'nodewitness_heartbeat_unreachable{process="kube-apiserver"} 2.0' in now
    unknown = (Calls(caller=KUBELET, absent="no"), Calls(caller=API_SERVER, more=3))
    view.heartbeat_now = replace(HEARTBEAT, calls=unknown)
    now = text()
    assert 'process="kubelet"' not in now
    assert f'{name}{{process="kube-apiserver",which="all"}} 3.0' in now
    view.heartbeat_now = None
    assert "nodewitness_heartbeat_" not in text()
