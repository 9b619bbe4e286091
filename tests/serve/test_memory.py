"""agent.serve.memory and agent.api.memory."""

from __future__ import annotations

from msgspec.structs import replace

from agent.api.v1 import node_agent_pb2 as pb
from agent.model.memory import MemoryReport, Signal
from agent.serve import memory
from tests.serve.memory_sample import GI, MEMORY, MI


def test_answer() -> None:
    """Every field that is known is on the wire; what is not is absent."""
    answer = memory.answer(pb.GetMemoryRequest(eaters=1), MEMORY).memory
    assert [(form.form, form.available >> 20) for form in answer.node.forms] == [
        ("MemTotal - MemFree", 500),
        ("anon + file", 612),
    ]
    assert answer.node.form == "anon + file"
    assert not answer.node.assumed
    assert answer.kubelet.pid == 812
    hard, soft, disk, hung, pids = answer.headrooms
    assert (hard.headroom, hard.time_left.seconds) == (112 * MI, 40)
    assert (soft.headroom, soft.threshold.grace.seconds) == (-412 * MI, 90)
    assert soft.HasField("crossed_since")
    assert not hard.HasField("crossed_since")
    assert disk.threshold.amount == 10 * GI
    assert not disk.HasField("time_left")
    assert hung.absent_reason.startswith("the read hangs")
    assert not hung.HasField("available")
    assert not hung.HasField("headroom")
    assert not pids.HasField("threshold")
    assert not pids.bytes
    [eater] = answer.eaters
    assert (eater.pod, eater.unit) == ("order-processor-5566778899-abc12", "")
    assert len(memory.answer(pb.GetMemoryRequest(), MEMORY).memory.eaters) == 2


def test_an_empty_report() -> None:
    answer = memory.answer(pb.GetMemoryRequest(), MemoryReport(boottime_ns=1, wall_ns=1)).memory
    assert not answer.HasField("node")
    assert not answer.kubelet.HasField("pid")


def test_metrics() -> None:
    """What is unknown has no series."""
    assert dict(memory.available(MEMORY)) == {
        ("memory.available",): 612 * MI,
        ("nodefs.available",): 60 * GI,
        ("pid.available",): 30_912,
    }
    assert dict(memory.thresholds(MEMORY)) == {
        ("memory.available", "hard"): 500 * MI,
        ("memory.available", "soft"): GI,
        ("nodefs.available", "hard"): 10 * GI,
    }
    assert dict(memory.crossed(MEMORY)) == {
        ("memory.available", "hard"): False,
        ("memory.available", "soft"): True,
        ("nodefs.available", "hard"): False,
    }
    assert dict(memory.time_left(MEMORY)) == {
        ("memory.available", "hard"): 40.0,
        ("memory.available", "soft"): 0.0,
    }
    assert dict(memory.memory_available(MEMORY)) == {
        ("MemTotal - MemFree", "false"): 500 * MI,
        ("anon + file", "true"): 612 * MI,
    }
    assert not dict(memory.available(None))
    assert not dict(memory.thresholds(None))
    assert not dict(memory.memory_available(replace(MEMORY, root=None)))
    assert len(dict(memory.capacity(MEMORY))) == 3
    assert Signal.IMAGEFS.value not in {labels[0] for labels, _ in memory.capacity(MEMORY)}
