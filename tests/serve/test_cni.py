"""agent.serve.cni and agent.api.cni."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.api.cni import CALL_STATE, NETWORK_STATE
from agent.api.v1 import cni_pb2
from agent.api.v1 import node_agent_pb2 as pb
from agent.model.cni import CallState, CNIReport, NetworkHealth, NetworkState
from agent.serve import cni
from agent.serve.messages import InvalidRequestError
from tests.serve.cni_sample import CNI, WALL_NS
from tests.serve.turns import turns_during

S = 1_000_000_000


async def pids(**filters: object) -> list[int]:
    request = pb.ListCNICallsRequest(**filters)  # type: ignore[arg-type]
    return [call.pid for call in (await cni.answer(request, CNI)).cni.calls]


async def test_answer() -> None:
    """Every field; times by the wall clock."""
    answer = await cni.answer(pb.ListCNICallsRequest(), CNI)
    waiting, *_ = answer.cni.calls
    assert not answer.truncated
    assert waiting.state == cni_pb2.CNI_CALL_STATE_SLOW
    assert waiting.started.ToNanoseconds() == WALL_NS - 12 * S
    assert waiting.took.ToSeconds() == 12
    assert (waiting.delegated_by, waiting.HasField("ended")) == (5200, False)
    assert waiting.wait.lock_file == "/var/lib/cni/networks/k8s/lock"
    assert [holder.pid for holder in waiting.wait.lock_holders] == [5130]
    killed = answer.cni.calls[8]
    assert (killed.signal, killed.HasField("exit_code")) == (9, False)
    assert answer.cni.health.state == cni_pb2.NETWORK_STATE_WEDGED
    assert answer.cni.health.since.ToNanoseconds() == WALL_NS - 242 * S
    assert [file.loaded for file in answer.cni.config.files] == [True, False]
    assert [p.problem == "" for p in answer.cni.config.files[0].plugins] == [True, True, False]
    assert answer.cni.books.seen == 12
    assert answer.cni.runtime.ready
    assert answer.cni.runtime.asked.ToNanoseconds() == WALL_NS - 2 * S


async def test_filters() -> None:
    """All of those that are given must fit."""
    assert await pids(pod="web-1") == [5201, 5200]
    assert await pids(pod="uid-of-web-1", namespace="shop") == [5201, 5200]
    assert await pids(namespace="other") == []
    assert await pids(commands=["DEL"]) == [4800]
    assert await pids(states=[cni_pb2.CNI_CALL_STATE_STALLED]) == [5130, 5129]
    failed = cni_pb2.CNI_CALL_STATE_FAILED
    assert await pids(states=[failed], commands=["ADD"]) == [
        4701,
        4700,
        4600,
    ]
    limited = await cni.answer(pb.ListCNICallsRequest(limit=2), CNI)
    assert (len(limited.cni.calls), limited.truncated) == (2, True)


async def test_bad_requests() -> None:
    with pytest.raises(InvalidRequestError, match="limit"):
        await pids(limit=10_001)
    with pytest.raises(InvalidRequestError, match="state 99"):
        await pids(states=[99])


async def test_nothing_known() -> None:
    """An agent that has just begun; a call without names is of no pod."""
    empty = CNIReport(boottime_ns=1, wall_ns=1, slow_after_seconds=1, stalled_after_seconds=2)
    answer = await cni.answer(pb.ListCNICallsRequest(), empty)
    assert not answer.cni.HasField("config")
    assert answer.cni.health == cni_pb2.NetworkHealth(state=cni_pb2.NETWORK_STATE_IDLE)
    elsewhere = replace(CNI, elsewhere="set cni.conf_dir")
    answer = await cni.answer(pb.ListCNICallsRequest(), elsewhere)
    assert answer.cni.elsewhere_reason == "set cni.conf_dir"
    nameless = replace(CNI, calls=(replace(CNI.calls[0], pod=None, wait=None),))
    (call,) = (await cni.answer(pb.ListCNICallsRequest(), nameless)).cni.calls
    assert not call.HasField("pod")
    assert not call.HasField("wait")
    assert not (await cni.answer(pb.ListCNICallsRequest(pod="x"), nameless)).cni.calls
    for family in (cni.ended, cni.seconds, cni.running, cni.oldest, cni.missed, cni.network):
        assert not dict(family(None))
    assert not dict(cni.oldest(empty))


async def test_a_long_list_lets_others_run() -> None:
    """While it is encoded, the event loop serves others."""
    many = replace(CNI, calls=(CNI.calls[0],) * 500)
    assert await turns_during(cni.answer(pb.ListCNICallsRequest(limit=300), many)) == 3


def test_metrics() -> None:
    """Of a command that was seen, each result; delegates are left out."""
    assert dict(cni.ended(CNI)) == {
        ("ADD", "ok"): 1,
        ("ADD", "failed"): 2,
        ("ADD", "unknown"): 1,
        ("DEL", "ok"): 1,
        ("DEL", "failed"): 0,
        ("DEL", "unknown"): 0,
    }
    assert dict(cni.seconds(CNI))["ADD", "failed"] == 3.2
    assert dict(cni.running(CNI)) == {(): 2}
    assert dict(cni.oldest(CNI)) == {(): 242.4}
    assert dict(cni.missed(CNI)) == {(): 1}
    assert {state for (state,), value in cni.network(CNI) if value} == {"wedged"}


def test_tables_are_complete() -> None:
    """Each member of an enum has a number of its own."""
    assert set(CALL_STATE.pairs) == set(CallState)
    assert set(NETWORK_STATE.pairs) == set(NetworkState)
    assert NetworkHealth().state is NetworkState.IDLE
