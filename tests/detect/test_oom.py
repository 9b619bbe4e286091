"""What the ledger's incidents and books make the detectors say."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import (
    container_oom_killed,
    hidden_oom_kill,
    oom_books_unbalanced,
    oom_kills_unattributed,
    runtime_disagrees,
)
from agent.detect.memo import Memo
from agent.detect.oom import victims
from agent.detect.scene import Scene
from agent.inventory.names import ContainerKind
from agent.inventory.records import ContainerRecord
from agent.model.cgroup import CgroupId
from agent.model.condition import Finding, Severity
from agent.model.exits import ContainerDeath, Verdict
from agent.model.oom import (
    Container,
    Disagreement,
    LimitLevel,
    OOMBooks,
    OOMIncident,
    Outcome,
    Truth,
    Victim,
    Witness,
)
from agent.parse.cgroup_path import place

APP = Container(namespace="shop", pod="web-0", pod_uid="u1", name="app", id="a" * 64)
KILL = OOMIncident(
    id="boot/k1",
    boot_id="boot",
    revision=2,
    boottime_ns=50,
    wall_ns=50,
    limit_level=LimitLevel.CONTAINER,
    limit_cgroup="/kubepods/podu1/a",
    limit_bytes=2 << 30,
    victims=(Victim(pid=4711, comm="worker", witnesses=(Witness.KMSG,)),),
    container=APP,
    outcome=Outcome.SURVIVED,
    hidden=Truth.YES,
    runtime_says="Running",
    counted=1,
)
BOOKS = OOMBooks(
    counted=3,
    victims=2,
    repeats=1,
    unattributed=0,
    unattributed_before_start=0,
    pending=0,
    drill_victims=0,
    settle_seconds=2.0,
)


def scene(
    *incidents: OOMIncident, deaths: tuple[ContainerDeath, ...] = (), books: OOMBooks | None = None
) -> Scene:
    return Scene(
        now_boottime_ns=100, now_wall_ns=100, incidents=incidents, deaths=deaths, books=books
    )


def only(findings: list[Finding]) -> Finding:
    [finding] = findings
    return finding


def hidden(*incidents: OOMIncident) -> list[Finding]:
    return list(hidden_oom_kill.DETECTOR.detect(scene(*incidents)))


def killed(*incidents: OOMIncident, memo: Memo | None = None) -> list[Finding]:
    seen = replace(scene(*incidents), memo=memo or Memo())
    return list(container_oom_killed.DETECTOR.detect(seen))


def test_hidden_kill() -> None:
    """Found of the container, at the time of the kill, with process and limit."""
    found = only(hidden(KILL))
    assert found.entity.id == APP.id
    assert found.entity.names == APP
    assert found.at_boottime_ns == 50
    assert found.message == (
        "worker[4711] was killed at its own limit of 2Gi; the container runs on, the runtime says "
        "Running"
    )
    unheard = only(hidden(replace(KILL, runtime_says="")))
    assert unheard.message.endswith("the runtime says nothing")
    assert [fact.source for fact in found.evidence] == [
        "kmsg",
        "/kubepods/podu1/a/memory.events.local",
        "cri",
    ]


@pytest.mark.parametrize(
    "incident",
    [
        replace(KILL, hidden=Truth.NO),
        replace(KILL, hidden=Truth.UNKNOWN),
        replace(KILL, drill=True),
        replace(KILL, container=None),
    ],
    ids=["died", "not proven", "drill", "no container"],
)
def test_not_hidden(incident: OOMIncident) -> None:
    """Claimed only where it is proven, and a drill pages nobody."""
    assert hidden(incident) == []


@pytest.mark.parametrize(
    ("incidents", "reason", "severity"),
    [
        ((KILL,), "OwnLimit", Severity.INFO),
        ((KILL, replace(KILL, id="boot/k2")), "Repeated", None),
        ((replace(KILL, limit_level=LimitLevel.POD),), "SharedLimit", None),
        ((replace(KILL, limit_level=LimitLevel.NODE),), "SharedLimit", None),
        ((replace(KILL, limit_level=LimitLevel.UNKNOWN),), "UnknownLimit", None),
    ],
)
def test_container_killed(
    incidents: tuple[OOMIncident, ...], reason: str, severity: Severity | None
) -> None:
    """One kill at its own limit is information; more, or at a limit that it shares, a warning."""
    found = killed(*incidents)
    assert [(each.reason, each.severity) for each in found] == [(reason, severity)]


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ((("POD", ContainerKind.SANDBOX),), "OwnLimit"),
        ((("POD", ContainerKind.SANDBOX), ("app", ContainerKind.CONTAINER)), "OwnLimit"),
        ((("POD", ContainerKind.SANDBOX), ("proxy", ContainerKind.CONTAINER)), "SharedLimit"),
        ((("", ContainerKind.UNKNOWN),), "SharedLimit"),
        ((), "SharedLimit"),
    ],
    ids=["died", "started again", "with another", "not named yet", "nothing known"],
)
def test_the_limit_of_a_pod_of_one(
    beside: tuple[tuple[str, ContainerKind], ...], reason: str
) -> None:
    """The kubelet's limit of a pod is the sum of its containers': of one that has no other it is
    its own limit, once that is proven.
    """
    pod = tuple(
        record(f"/kubepods/podu1/{n}", replace(APP, name=name, id=f"{n:064}"), kind)
        for n, (name, kind) in enumerate(beside)
    )
    other = record("/kubepods/podu2/x", replace(APP, pod_uid="u2", name="x"))
    shared = replace(KILL, limit_level=LimitLevel.POD, limit_cgroup="/kubepods/podu1")
    seen = replace(scene(shared), containers=(*pod, other))
    found = only(list(container_oom_killed.DETECTOR.detect(seen)))
    assert found.reason == reason
    nobody = ", which it shares with nobody" if reason == "OwnLimit" else ""
    assert found.message == f"worker[4711] killed at the pod limit of 2Gi{nobody}"


def record(
    path: str, names: Container, kind: ContainerKind = ContainerKind.CONTAINER
) -> ContainerRecord:
    return ContainerRecord(
        id=CgroupId(hierarchy="v2", inode=1),
        place=place(path),
        names=names,
        kind=kind,
        first_seen_ns=1,
    )


def test_a_tick_costs_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a storm each tick has the same words for all its kills: they are made once, and again
    only for what is new, revised, or counted anew. Who runs the detectors keeps them, nobody else.
    """
    memo = Memo()
    made: list[str] = []

    def counted(incident: OOMIncident) -> str:
        made.append(incident.id)
        return victims(incident)

    monkeypatch.setattr("agent.detect.container_oom_killed.victims", counted)
    storm = [
        replace(KILL, id=f"boot/s{n}", container=replace(APP, id=f"{n:064}")) for n in range(500)
    ]
    first = killed(*storm, memo=memo)
    assert made == [incident.id for incident in storm]
    made.clear()
    assert all(a is b for a, b in zip(first, killed(*storm, memo=memo), strict=True))
    assert made == []
    revised = replace(storm[7], revision=3, outcome=Outcome.DIED)
    again = replace(KILL, id="boot/again", container=storm[9].container)
    storm[7] = revised
    found = killed(*storm, again, memo=memo)
    assert made == [revised.id, again.id]
    assert [each.reason for each in found if each not in first] == ["OwnLimit", "Repeated"]
    made.clear()
    assert found[8] is killed(storm[8], memo=memo)[0]
    assert made == []
    killed(storm[9], memo=memo)  # the only one of its container again
    assert made == [storm[9].id]
    killed(storm[9])
    assert made == [storm[9].id] * 2


def test_unattributed() -> None:
    """A kill that nothing explains is the node's."""
    nameless = replace(KILL, unattributed=True, container=None, victims=(), counted=3)
    found = only(list(oom_kills_unattributed.DETECTOR.detect(scene(KILL, nameless))))
    assert found.message == "the kernel counted 3 OOM kills, and no evidence says whose"
    told_after_all = replace(nameless, counted=0)
    assert not list(oom_kills_unattributed.DETECTOR.detect(scene(told_after_all)))


def test_unattributed_before_the_agent_first_ran() -> None:
    """Nobody could have seen it, and nobody is to be woken for it."""
    before = replace(KILL, unattributed=True, container=None, victims=(), counted=3)
    after = replace(before, id="boot/k2", boottime_ns=60)
    here = replace(scene(before, after), first_run_ns=60)
    assert [each.at_boottime_ns for each in oom_kills_unattributed.DETECTOR.detect(here)] == [60]


@pytest.mark.parametrize(
    ("books", "count"),
    [
        (None, 0),
        (BOOKS, 0),
        (replace(BOOKS, counted=None), 0),
        (replace(BOOKS, counted=4), 1),
    ],
)
def test_books(books: OOMBooks | None, count: int) -> None:
    """Said only where the kernel's count is known and is another."""
    assert len(list(oom_books_unbalanced.DETECTOR.detect(scene(books=books)))) == count


def test_books_with_a_kill_that_nobody_settles() -> None:
    """The sums agree, and one of them is no answer."""
    left = replace(BOOKS, counted=4, pending=1)
    assert not list(oom_books_unbalanced.DETECTOR.detect(scene(books=left)))
    left = replace(left, overdue=1)
    found = only(list(oom_books_unbalanced.DETECTOR.detect(scene(books=left))))
    assert found.reason == "LeftPending"
    assert found.message == (
        "the kernel counted 4 OOM kills, the ledger has 2 victims + 1 repeats + 0 unattributed"
        " + 1 pending, 1 of them for more than a minute"
    )


def test_runtime_disagrees() -> None:
    """By an incident, and by a death of which there is no incident."""
    wrong = replace(KILL, disagreement=Disagreement.KILL_NOT_REPORTED, runtime_says="Error, 137")
    death = ContainerDeath(
        id="boot/a/1",
        boot_id="boot",
        revision=1,
        container=APP,
        boottime_ns=60,
        wall_ns=60,
        verdict=Verdict.EXITED,
        runtime_says="OOMKilled",
        disagreement=Disagreement.KERNEL_COUNTED_NONE,
    )
    found = list(runtime_disagrees.DETECTOR.detect(scene(KILL, wrong, deaths=(death,))))
    assert [(finding.reason, finding.message) for finding in found] == [
        (
            "KernelCountedNone",
            "the runtime says OOMKilled; the kernel has OOM-killed nothing in it",
        ),
        (
            "KillNotReported",
            "the runtime says Error, 137; the kernel killed worker[4711] at its own limit of 2Gi",
        ),
    ]
