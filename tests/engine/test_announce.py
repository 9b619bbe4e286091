"""The lines on the agent's own terminal."""

from __future__ import annotations

import pytest

from agent.engine.announce import event_words, size
from agent.model.event import (
    AgentStarted,
    EventKind,
    JournalChange,
    OOMAmended,
    OOMRecorded,
    PressureCrossed,
    RuntimeDisagreement,
    SourceChange,
    SourceGap,
)
from agent.model.oom import (
    Container,
    Disagreement,
    LimitLevel,
    OOMIncident,
    Outcome,
    Truth,
    Victim,
)
from tests.serve.pressure_sample import PRESSURE

VICTIM = Victim(pid=4711, comm="worker", cgroup="/kubepods/x")
GATEWAY = Container(namespace="production", pod="api-1", name="gateway", id="c" * 64)


def incident(**changes: object) -> OOMIncident:
    fields: dict[str, object] = {
        "id": "b/k1",
        "boot_id": "b",
        "revision": 2,
        "boottime_ns": 0,
        "wall_ns": 0,
        "victims": (VICTIM,),
        "container": GATEWAY,
    }
    return OOMIncident(**(fields | changes))  # type: ignore[arg-type]


HIDDEN = incident(
    limit_level=LimitLevel.CONTAINER,
    limit_bytes=2 << 30,
    outcome=Outcome.SURVIVED,
    hidden=Truth.YES,
    runtime_says="Running",
)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            OOMRecorded(incident=HIDDEN),
            (
                "OOM kill: production/api-1 gateway: worker[4711] at the container limit of 2Gi;"
                " the container lives on (hidden); the runtime says Running"
            ),
        ),
        (
            OOMAmended(incident=incident(limit_level=LimitLevel.NODE, outcome=Outcome.DIED)),
            (
                "OOM kill: production/api-1 gateway: worker[4711] for the node was out of memory;"
                " the container died (revision 2)"
            ),
        ),
        (
            OOMRecorded(
                incident=incident(
                    runtime_says="OOMKilled, exit code 0",
                    disagreement=Disagreement.REPORTED_WITHOUT_DEATH,
                )
            ),
            (
                "OOM kill: production/api-1 gateway: worker[4711] at an unknown limit;"
                " the runtime says, wrongly, OOMKilled, exit code 0"
            ),
        ),
        (
            RuntimeDisagreement(
                container=Container(pod_uid="u", id="0123456789abcdef"),
                kind=Disagreement.KERNEL_COUNTED_NONE,
                runtime_says="OOMKilled, exit code 0",
                kernel_says="counted no kill",
            ),
            (
                "disagreement: ?/pod u 0123456789ab: the runtime says OOMKilled, exit code 0;"
                " the kernel counted no kill"
            ),
        ),
        (
            OOMRecorded(
                incident=incident(victims=(), container=None, unattributed=True, counted=3)
            ),
            "OOM kill, unattributed: 3 counted, no evidence names a victim",
        ),
        (
            OOMRecorded(incident=incident(container=None, unit="x.service", drill=True)),
            "drill: OOM kill: x.service: worker[4711] at an unknown limit",
        ),
        (SourceGap(source="kmsg", lost=4, detail="why"), "gap in kmsg: 4 records lost; why"),
        (SourceGap(source="x", lost=None, detail="why"), "gap in x: records lost; why"),
        (SourceChange(source="kmsg", up=True, detail=""), "source kmsg is up"),
        (SourceChange(source="cri", up=False, detail="silent"), "source cri is not up: silent"),
        (JournalChange(state="full", detail=""), "journal is full"),
        (
            PressureCrossed(episode=PRESSURE.current[0]),
            "memory pressure of kubepods: tasks stalled for 0.18 s of 1.31 s, avg10 12.40",
        ),
        (
            PressureCrossed(episode=PRESSURE.last[0]),
            (
                "io pressure of kubepods is over after 131.0 s: tasks stalled for 9.41 s, "
                "avg10 up to 41.86"
            ),
        ),
        (AgentStarted(version="1", pid=7), "agent 1 started, pid 7"),
    ],
)
def test_words(kind: EventKind, words: str) -> None:
    """One line, in the kernel's and Kubernetes' own names."""
    assert event_words(kind) == words


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (1023, "1023"), (1024, "1Ki"), (1536, "1.5Ki"), (2 << 30, "2Gi"), (1 << 41, "2Ti")],
)
def test_size(count: int, text: str) -> None:
    """Bytes as Kubernetes writes them."""
    assert size(count) == text
