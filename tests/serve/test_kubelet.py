"""agent.serve.kubelet and agent.api.kubelet."""

from __future__ import annotations

from msgspec.structs import replace

from agent.api.v1 import runtime_pb2
from agent.serve import kubelet
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.kubelet_sample import BELIEF, KUBELET, WELL
from tests.serve.runtime_sample import WALL_NS
from tests.serve.sample import SampleView

S = 1_000_000_000


def test_answer() -> None:
    """What is not known is absent, never zero."""
    told = kubelet.answer(KUBELET).kubelet
    assert told.failing
    assert (told.process.pid, told.former.exit_code, told.restarts) == (1044, 1, 1)
    assert told.process.started.ToNanoseconds() == WALL_NS - 3600 * S
    assert told.healthz.state == runtime_pb2.RUNG_STATE_SILENT
    assert told.healthz.took.ToNanoseconds() == 74 * S
    assert (told.healthz.answers, told.healthz.silences, told.healthz.failures) == (3, 1, 2)
    assert not told.healthz.HasField("status")
    assert (told.version, told.config) == ("v1.30.14", "/var/lib/kubelet/config.yaml")
    bare = replace(WELL, process=None, former=None, throttled_ratio=None, cpu_waiting=None)
    told = kubelet.answer(bare).kubelet
    assert not told.failing
    assert told.healthz.status == 200
    believed = kubelet.answer(KUBELET).kubelet.belief
    assert (believed.node, believed.address) == ("ip-10-0-64-12", "10.96.0.1:443")
    assert [c.type for c in believed.conditions] == ["Ready", "MemoryPressure"]
    assert believed.lease_duration.ToSeconds() == 40
    assert not believed.conditions[1].HasField("last_heartbeat")
    absent = ("process", "former", "throttled_ratio", "cpu_waiting_ratio")
    assert not any(map(told.HasField, absent))


def test_metrics() -> None:
    """None of them on a node without a kubelet."""
    view = SampleView()
    pages = Pages(view, HttpStatistics())
    text = b"".join(pages.pieces(Format.TEXT)).decode()
    assert "nodewitness_kubelet_up 0.0" in text
    assert "nodewitness_kubelet_restarts_total 1.0" in text
    assert "nodewitness_kubelet_healthz_silences_total 1.0" in text
    assert "nodewitness_kubelet_healthz_failures_total 2.0" in text
    assert 'nodewitness_kubelet_healthz_duration_seconds_bucket{le="0.005"} 2.0' in text
    labels = 'nodewitness_node_condition_believed{condition="Ready",status='
    assert f'{labels}"true"}} 1.0' in text
    assert f'{labels}"unknown"}} 0.0' in text
    assert "nodewitness_node_lease_renewed_timestamp_seconds 1.790000522e+09" in text
    view.kubelet_now = replace(WELL, belief=replace(BELIEF, lease=None))
    text = b"".join(pages.pieces(Format.TEXT)).decode()
    assert "nodewitness_node_lease" not in text
    view.kubelet_now = WELL
    assert "nodewitness_kubelet_up 1.0" in b"".join(pages.pieces(Format.TEXT)).decode()
    view.kubelet_now = replace(KUBELET, absent="none here", healthz=None, belief=None)
    assert "nodewitness_kubelet" not in b"".join(pages.pieces(Format.TEXT)).decode()
