"""A node with little memory: the whole node runs out, and the agent lives through it."""

import grpc
import pytest

from agent.api.v1.exits_pb2 import VERDICT_OOM_NODE
from agent.api.v1.oom_pb2 import LIMIT_LEVEL_NODE, OUTCOME_SURVIVED, TRUTH_YES
from tests.lab.asking import Asking, incident_of
from tests.lab.deadline import until
from tests.lab.kubelet import Pods
from tests.lab.machines import SMALL
from tests.lab.scenarios.above_pods import node_over_limit

pytestmark = pytest.mark.machine(SMALL)


def test_node_out_of_memory(pods: Pods, asking: Asking, figures: list[str]) -> None:
    """Node-wide kills are booked on the victim's container; the same agent answers afterwards. How
    long after each kill it was told, on a node without memory, is a figure.
    """
    bystander = pods.create("bystander").container("main", ["/bin/work", "sleep"])
    asking.settled()
    first = asking.status()
    case = node_over_limit(pods)
    kernel = case.fire()
    assert case.before is not None
    until(lambda: answers(asking), 120, "the agent answers again")
    asking.balanced(first.oom, case.before, kernel)
    assert asking.status().identity.pid == first.identity.pid

    killed, told = when_told(asking, kernel.victims)
    lags = sorted((told[pid] - killed[pid]) / 1e6 for pid in kernel.victims)
    figures.append(
        f"node out of memory: {len(lags)} kills in"
        f" {(max(killed.values()) - min(killed.values())) / 1e9:.1f} s, each told after"
        f" {', '.join(f'{lag:.0f}' for lag in lags)} ms"
    )

    incidents = asking.incidents(pod="hog")
    assert {victim.pid for found in incidents for victim in found.victims} == kernel.victims
    container = case.the_container
    for found in incidents:
        closed = until(
            lambda found=found: next(  # type: ignore[misc]
                (i for i in asking.incidents(pod="hog") if i.id == found.id and i.outcome), None
            ),
            120,
            "the outcome is settled",
        )
        assert closed.limit_level == LIMIT_LEVEL_NODE
        assert closed.constraint == "CONSTRAINT_NONE"
        assert closed.container.id == container.id
        assert closed.container.name == "main"
        assert (closed.outcome, closed.hidden) == (OUTCOME_SURVIVED, TRUTH_YES)
    assert asking.kills("hog", "survived") == len(kernel.victims)
    assert not asking.incidents(pod="bystander")
    assert bystander.status()["state"] == "CONTAINER_RUNNING"
    the_verdict(pods, asking)


def the_verdict(pods: Pods, asking: Asking) -> None:
    """A container whose init the kernel took when the node ran out ended of that."""
    asking.settled()
    node_over_limit(pods, name="taken", eaters=0).fire()
    until(lambda: answers(asking), 120, "the agent answers again")
    death = asking.exit("taken")
    assert (death.verdict, death.signal) == (VERDICT_OOM_NODE, 9)
    assert len(death.incident_ids) == 1


def when_told(asking: Asking, pids: frozenset[int]) -> tuple[dict[int, int], dict[int, int]]:
    """By pid, when the kernel killed it and when the stream first told that; CLOCK_BOOTTIME, ns."""
    killed: dict[int, int] = {}
    told: dict[int, int] = {}
    for message in asking.watch_all():
        for event in message.events:
            found = incident_of(event)
            if found is None:
                continue
            for victim in found.victims:
                killed.setdefault(victim.pid, found.boottime_ns)
                told.setdefault(victim.pid, event.boottime_ns)
        if pids <= told.keys():
            return killed, told
    raise AssertionError(f"not told: {pids - told.keys()}")


def answers(asking: Asking) -> bool:
    """Whether the agent answers GetStatus."""
    try:
        asking.status()
    except grpc.RpcError:
        return False
    return True
