"""Conditions on a real kernel: a hidden kill over gRPC, /metrics and nodectl; kept over a crash of
the agent; Unknown while a source is blind; over by themselves.
"""

import json
import signal

from agent.api.v1.condition_pb2 import (
    CONDITION_STATUS_FALSE,
    CONDITION_STATUS_TRUE,
    CONDITION_STATUS_UNKNOWN,
    ENTITY_KIND_NODE,
    SEVERITY_CRITICAL,
    Condition,
)
from agent.api.v1.event_pb2 import ConditionChanged
from agent.nodectl.exits import Exit
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.scenarios.container_limit import child_over_limit
from tests.lab.stories import fire

HIDDEN = "HiddenOOMKill"
DISAGREES = "RuntimeDisagrees"
SECONDS = 120.0
TTL_SECONDS = 30


def condition(asking: Asking, kind: str, **filters: object) -> Condition | None:
    """The only one of this type that is listed."""
    found = asking.conditions(types=[kind], **filters)
    assert len(found) <= 1, found
    return found[0] if found else None


def what_stays(shown: Condition) -> tuple[object, ...]:
    """What must not change while it is True."""
    return shown.status, shown.since_boottime_ns, shown.expires_boottime_ns, shown.revision


def unknown(asking: Asking, kind: str) -> Condition:
    """The condition of the type as a whole, once it is Unknown."""

    def seen() -> Condition | None:
        found = condition(asking, kind, statuses=[CONDITION_STATUS_UNKNOWN])
        return found if found is not None else None

    return until(seen, SECONDS, f"{kind} is Unknown", lambda: str(asking.conditions(all=True)))


def changes(asking: Asking, kind: str) -> list[ConditionChanged]:
    """What the events that are held say of this type, oldest first."""
    last = asking.status().journal.last_sequence
    found = []
    stream = asking.watch_all()
    for message in stream:
        for event in message.events:
            if event.WhichOneof("kind") == "condition_changed":
                change = event.condition_changed
                if change.condition.type == kind:
                    found.append(change)
        if message.position.sequence >= last:
            stream.cancel()  # type: ignore[attr-defined]
            return found
    raise AssertionError("the stream ended")


def nodectl(guest: Guest, *words: str) -> tuple[int, str]:
    done = guest.run(["nodectl", *words], check=False, seconds=60)
    return done.exit_code, done.out


def test_hidden_kill(pods: Pods, agent: AgentProcess, guest: Guest, node: Node) -> None:
    """True of its container, at the time of the kill; the same after SIGKILL of the agent; then a
    containerd that does not answer makes Unknown what needs it, and nothing else.
    """
    agent.start()
    asking = Asking(agent)
    assert condition(asking, HIDDEN) is None
    fire(child_over_limit(pods, name="hidden"), asking)
    incident = asking.closed("hidden")

    def raised() -> Condition | None:
        return condition(asking, HIDDEN, pod="hidden")

    first = until(raised, SECONDS, "the condition", lambda: str(asking.conditions(all=True)))
    assert (first.status, first.severity) == (CONDITION_STATUS_TRUE, SEVERITY_CRITICAL)
    assert first.since_boottime_ns == incident.boottime_ns
    assert first.entity.names.name == "main"
    assert first.entity.id == incident.container.id
    assert "was killed at its own limit of 32Mi" in first.message
    assert incident.id in [fact.value for fact in first.evidence]
    assert first.expires.seconds - first.since.seconds == 900
    names = {"namespace": "default", "pod": "hidden", "container": "main", "condition": HIDDEN}
    assert asking.metric("nodewitness_pod_condition", **names) == 1
    assert asking.metric("nodewitness_condition", condition=HIDDEN, status="true") == 1
    assert asking.metric("nodewitness_condition", condition=HIDDEN, status="false") == 0

    code, text = nodectl(guest, "conditions", HIDDEN)
    assert code == Exit.FINDING
    assert text.startswith(f"CRITICAL  {HIDDEN}")
    assert "default/hidden main: work[" in text
    code, text = nodectl(guest, "status")
    assert code == Exit.FINDING
    assert any(line.startswith(f"CRITICAL  {HIDDEN}") for line in text.splitlines())
    assert json.loads(nodectl(guest, "status", "-o", "json")[1])["conditions"]["critical"] >= 1

    agent.stop(signal.SIGKILL)
    code, text = nodectl(guest, "explain", HIDDEN.lower())
    assert (code, text.split()[0]) == (Exit.OK, HIDDEN)
    agent.start()
    again = condition(asking, HIDDEN, pod="hidden")
    assert again is not None
    assert what_stays(again) == what_stays(first)
    unanswered = child_over_limit(pods, name="unanswered")
    with node.containerd_stopped():
        unanswered.fire()  # for which the runtime is asked
        blind = unknown(asking, DISAGREES)
        assert blind.entity.kind == ENTITY_KIND_NODE
        assert blind.message.startswith("cri is down: ")
        assert asking.metric("nodewitness_condition", condition=DISAGREES, status="unknown") == 1
        asking.condition("AgentBlind", "", lambda found: "cri" in found.message)
        still = condition(asking, HIDDEN, pod="hidden")
        assert still is not None
        assert what_stays(still) == what_stays(first)
    pods.create("after").container("main", ["/bin/work", "sleep"])  # it is asked again
    asking.condition("AgentBlind", "", status=CONDITION_STATUS_FALSE)
    over = {"statuses": [CONDITION_STATUS_FALSE]}
    until(lambda: condition(asking, DISAGREES, **over), SECONDS, f"{DISAGREES} is judged again")
    told = [
        change.condition.status
        for change in changes(asking, HIDDEN)
        if change.condition.entity.names.pod == "hidden"
    ]
    assert told == [CONDITION_STATUS_TRUE]
    told = [change.condition.status for change in changes(asking, DISAGREES)]
    assert told == [CONDITION_STATUS_UNKNOWN, CONDITION_STATUS_FALSE]


def test_over_by_itself(pods: Pods, agent: AgentProcess) -> None:
    """What comes from an event is False when its time is over; the pod's series is gone then."""
    agent.start({"conditions.event_ttl": f"{TTL_SECONDS}s"})
    asking = Asking(agent)
    fire(child_over_limit(pods, name="brief"), asking)

    def ended() -> Condition | None:
        return condition(asking, HIDDEN, statuses=[CONDITION_STATUS_FALSE], pod="brief")

    false = until(ended, SECONDS, "it is over", lambda: str(asking.conditions(all=True)))
    first, last = changes(asking, HIDDEN)
    assert (first.condition.status, last.condition) == (CONDITION_STATUS_TRUE, false)
    assert last.previous == CONDITION_STATUS_TRUE
    assert false.reason == "Expired"
    lasted = false.since_boottime_ns - first.condition.since_boottime_ns
    assert lasted >= TTL_SECONDS * 10**9
    assert asking.metric("nodewitness_condition", condition=HIDDEN, status="false") == 1
    assert 'nodewitness_pod_condition{namespace="default",pod="brief"' not in agent.metrics()
    assert not asking.conditions(types=[HIDDEN])


def test_blind_from_the_start(agent: AgentProcess, guest: Guest) -> None:
    """Without the kernel's log and without traces no hidden kill could be proven: so it says."""
    agent.start({"sources.kmsg": "false", "sources.trace": "false"})
    asking = Asking(agent)
    blind = unknown(asking, HIDDEN)
    assert blind.message.startswith("kmsg is absent: switched off by sources.kmsg; trace is absent")
    assert asking.metric("nodewitness_condition", condition=HIDDEN, status="unknown") == 1
    assert asking.status().conditions.unknown >= 1
    code, text = nodectl(guest, "conditions", HIDDEN)
    assert code == Exit.OK  # not known is no finding
    assert text.startswith(f"UNKNOWN   {HIDDEN}")
    # What is switched off is not broken.
    assert condition(asking, "AgentBlind", statuses=[CONDITION_STATUS_TRUE]) is None
