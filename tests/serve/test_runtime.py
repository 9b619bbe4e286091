"""agent.serve.runtime, agent.api.runtime and agent.model.latency."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.api.runtime import CREATION_STEP, RUNG_STATE
from agent.api.v1 import runtime_pb2 as pb
from agent.model.creation import CreationStep
from agent.model.latency import BOUNDS, Latency
from agent.model.runtime import RungState
from agent.serve import runtime
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.runtime_sample import RUNTIME, WALL_NS
from tests.serve.sample import SampleView

S = 1_000_000_000


def test_answer() -> None:
    """Every field; times by the wall clock, what is not known absent."""
    told = runtime.answer(RUNTIME).runtime
    assert told.at.ToNanoseconds() == WALL_NS
    assert [step.rung for step in told.steps] == ["socket", "connect", "version", "status", "list"]
    silent = told.steps[2]
    assert silent.state == pb.RUNG_STATE_SILENT
    assert (silent.took.ToSeconds(), silent.silences, silent.answers) == (131, 1, 3)
    assert not told.steps[3].HasField("took")
    assert told.process.started.ToNanoseconds() == WALL_NS - 3600 * S
    assert not told.process.HasField("blkio_delay")
    assert (told.former.oom_killed, told.former.signal) == (True, 9)
    assert not told.former.HasField("exit_code")
    assert [(shim.orphan, shim.sandbox_id[:2]) for shim in told.shims] == [
        (False, "4f"),
        (True, "9b"),
        (False, "7c"),
        (False, ""),
    ]
    blocked = told.shims[2]
    assert (blocked.pod_namespace, blocked.pod) == ("shop", "db-1")
    assert [(t.tid, t.wchan) for t in blocked.blocked] == [(1394, "io_schedule")]
    assert blocked.blocked[0].since.ToNanoseconds() == WALL_NS - 41 * S
    network, init = told.creations
    assert (network.step, network.sandbox) == (pb.CREATION_STEP_NETWORK, True)
    assert (network.pod, network.pid, network.comm) == ("web-2", 5130, "bridge")
    assert network.begun.ToNanoseconds() == WALL_NS - 247 * S
    assert (init.container, init.wchan) == ("db", "io_schedule")
    assert told.creation_stalled_after.ToSeconds() == 120
    bare = replace(RUNTIME, process=None, former=None, queues=None, shims=None, sandboxes=None)
    told = runtime.answer(bare).runtime
    assert not any(map(told.HasField, ("process", "former", "queues", "sandboxes")))
    assert not told.shims_known


def test_states() -> None:
    """The table is one to one with the model and with the wire."""
    assert set(CREATION_STEP.pairs) == set(CreationStep)
    assert set(CREATION_STEP.pairs.values()) == set(pb.CreationStep.values()) - {0}
    assert set(RUNG_STATE.pairs) == set(RungState)
    assert set(RUNG_STATE.pairs.values()) == set(pb.RungState.values()) - {0}


def test_metrics() -> None:
    """A histogram for each rung that is asked; the rung that fails."""
    view = SampleView()
    pages = Pages(view, HttpStatistics())
    text = b"".join(pages.pieces(Format.TEXT)).decode()
    name = "nodewitness_runtime_probe_duration_seconds"
    assert f'{name}_bucket{{le="0.005",rung="version"}} 2.0' in text
    assert f'{name}_bucket{{le="+Inf",rung="version"}} 3.0' in text
    assert f'{name}_count{{rung="list"}} 3.0' in text
    assert 'nodewitness_runtime_rung_failing{rung="version"} 1.0' in text
    assert 'nodewitness_runtime_rung_failing{rung="status"} 0.0' in text
    assert "nodewitness_runtime_socket_pending 41.0" in text
    assert 'nodewitness_runtime_shims{state="orphan"} 1.0' in text
    assert 'nodewitness_runtime_shims{state="blocked"} 1.0' in text
    assert 'nodewitness_runtime_creations_in_progress{step="network"} 1.0' in text
    assert 'nodewitness_runtime_creations_in_progress{step="image"} 0.0' in text
    assert 'nodewitness_runtime_creations_oldest_seconds{step="network"} 247.0' in text
    assert 'nodewitness_runtime_creations_oldest_seconds{step="image"} 0.0' in text
    view.runtime_now = None
    assert "nodewitness_runtime_" not in b"".join(pages.pieces(Format.TEXT)).decode().replace(
        "nodewitness_runtime_disagreements", ""
    )


@given(st.lists(st.floats(0, 300, allow_nan=False), max_size=20))
def test_latency(taken: list[float]) -> None:
    """Each duration is in the first bucket whose bound it does not pass."""
    latency = Latency()
    for seconds in taken:
        latency = latency.plus(seconds)
    assert latency.count == len(taken)
    below = 0
    for bound, count in zip(BOUNDS, latency.counts, strict=False):
        below += count
        assert below == sum(seconds <= bound for seconds in taken)
