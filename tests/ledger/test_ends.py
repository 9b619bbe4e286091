"""The runtime's last word against the kernel's: who disagrees, and what is not claimed."""

from __future__ import annotations

import pytest

from agent.ledger.ends import JUDGE_WITHIN_NS, MAX_NAMED
from agent.model.event import OOMAmended, RuntimeDisagreement
from agent.model.evidence import CgroupGone, EndSeen, EndWanted
from agent.model.oom import (
    ContainerExit,
    Disagreement,
    ExitTeller,
    OOMIncident,
    Outcome,
)
from agent.parse.cgroup_path import place
from tests.ledger.kernel import CID, CONTAINER, OTHER, POD, SECOND, Kernel, captured

INIT, CHILD = 829, 840
KILLED = "Error, exit code 137"
REPORTED = "OOMKilled, exit code 137"


@pytest.fixture
def kernel() -> Kernel:
    """One container, seen at zero."""
    kernel = Kernel()
    kernel.names.inits[CID] = INIT
    kernel.counters(CONTAINER, 0, appeared=True)
    return kernel


def by_runtime(code: int) -> ContainerExit:
    return ContainerExit(exit_code=code, signal=None, wall_ns=5, told_by=ExitTeller.RUNTIME)


def by_kernel(signal: int | None) -> ContainerExit:
    code = 0 if signal is None else None
    return ContainerExit(exit_code=code, signal=signal, wall_ns=5, told_by=ExitTeller.KERNEL)


def kill(kernel: Kernel, pid: int, cgroup: str = CONTAINER) -> None:
    kernel.header(pid, cgroup, cgroup)
    kernel.kill(pid, capture=captured(pid, cgroup))


def survive(kernel: Kernel) -> None:
    """The hold of the latest incident ends, and the init lives."""
    kernel.wait()
    kernel.fate(kernel.incidents()[-1], alive=True, says="Running")


def gone(kernel: Kernel, cgroup: str = CONTAINER) -> None:
    inode = hash(cgroup) & 0xFFFF
    kernel.ledger.fold(CgroupGone(place=place(cgroup), inode=inode), kernel.now)
    kernel.flush()


def says(
    kernel: Kernel, word: str, ended: ContainerExit | None = None, cgroup: str = CONTAINER
) -> None:
    if ended is None and word:
        ended = by_runtime(int(word.rpartition(" ")[2]))
    seen = EndSeen(place=place(cgroup), runtime_says=word, exit=ended)
    kernel.ledger.fold(seen, kernel.now)
    kernel.flush()


def asked(kernel: Kernel) -> list[str]:
    return [item.place.path for item in kernel.out if isinstance(item, EndWanted)]


def told(kernel: Kernel) -> list[RuntimeDisagreement]:
    kernel.flush()
    return [item for item in kernel.out if isinstance(item, RuntimeDisagreement)]


def only(kernel: Kernel) -> OOMIncident:
    (incident,) = kernel.incidents()
    return incident


def test_a_kill_that_the_runtime_reports(kernel: Kernel) -> None:
    """The ordinary case: both say the same, and the incident has the word and the end."""
    kill(kernel, INIT)
    gone(kernel)
    assert asked(kernel) == [CONTAINER]
    says(kernel, REPORTED)
    incident = only(kernel)
    assert incident.outcome is Outcome.DIED
    assert (incident.runtime_says, incident.container_exit) == (REPORTED, by_runtime(137))
    assert incident.disagreement is Disagreement.NONE
    assert not told(kernel)


def test_a_kill_that_the_runtime_does_not_report(kernel: Kernel) -> None:
    """The init was OOM-killed, and the runtime calls it an error: told once, after the incident."""
    kill(kernel, INIT)
    gone(kernel)
    says(kernel, KILLED)
    incident = only(kernel)
    assert incident.disagreement is Disagreement.KILL_NOT_REPORTED
    (event,) = told(kernel)
    assert event.container.pod == "web"
    assert (event.kind, event.runtime_says) == (Disagreement.KILL_NOT_REPORTED, KILLED)
    assert event.kernel_says == "OOM-killed its init"
    assert event.incident_ids == (incident.id,)
    at = kernel.out.index(event)
    assert any(isinstance(item, OOMAmended) for item in kernel.out[:at])
    says(kernel, KILLED)
    assert len(told(kernel)) == 1


def test_a_group_kill_whose_init_was_never_seen(kernel: Kernel) -> None:
    """All of the container was killed at once, so its init was, whoever that is."""
    kernel.names.inits.clear()
    kernel.header(CHILD, CONTAINER, CONTAINER)
    kernel.kill(CHILD)
    kernel.group(CONTAINER)
    kernel.wait()
    gone(kernel)
    kernel.fate(only(kernel), alive=False)
    says(kernel, KILLED)
    (event,) = told(kernel)
    assert event.kernel_says == "OOM-killed all of it at once"


def test_an_init_that_was_never_seen_proves_nothing(kernel: Kernel) -> None:
    """137 can be the exit of a shell whose child was killed: no claim."""
    kernel.names.inits.clear()
    kill(kernel, CHILD)
    kernel.wait()
    kernel.fate(only(kernel), alive=False)
    gone(kernel)
    says(kernel, KILLED)
    assert only(kernel).disagreement is Disagreement.NONE


def test_a_disagreement_on_very_many_kills(kernel: Kernel) -> None:
    """It names the latest; all of them carry it."""
    for pid in range(2000, 2000 + MAX_NAMED + 5):
        kill(kernel, pid)
    kernel.wait()
    gone(kernel)
    says(kernel, "OOMKilled, exit code 0")
    kernel.wait(JUDGE_WITHIN_NS)
    (event,) = told(kernel)
    incidents = kernel.incidents()
    assert {each.disagreement for each in incidents} == {event.kind}
    assert event.incident_ids == tuple(each.id for each in incidents[-MAX_NAMED:])
    assert event.kernel_says == f"OOM-killed {MAX_NAMED + 5} processes of it, not its init"


def test_very_many_incidents_are_written_in_steps(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the container's end each learns, and the disagreement is told once, but not all at once:
    the loop runs in between, and no checkpoint claims what is not written yet.
    """
    for pid in range(2000, 2025):
        kill(kernel, pid)
    kernel.wait()
    for incident in kernel.incidents():
        kernel.fate(incident, alive=True)
    gone(kernel)
    monkeypatch.setattr("agent.ledger.end_writing.MAX_A_STEP", 4)
    kernel.flush()
    word = EndSeen(
        place=place(CONTAINER), runtime_says="OOMKilled, exit code 0", exit=by_runtime(0)
    )
    written = []
    kernel.ledger.fold(word, kernel.now)
    while kernel.ledger.behind:
        assert kernel.ledger.next_due_ns() == 0
        before = len(kernel.out)
        kernel.flush()
        written.append(sum(isinstance(item, OOMAmended) for item in kernel.out[before:]))
    assert sum(written) == 25
    assert max(written) <= 8  # what the answer and the first step may
    assert len(told(kernel)) == 1
    ends = {(i.container_exit, i.runtime_says, i.disagreement) for i in kernel.incidents()}
    assert ends == {(by_runtime(0), word.runtime_says, Disagreement.REPORTED_WITHOUT_DEATH)}


@pytest.mark.parametrize(
    ("word", "ended", "expected"),
    [
        ("OOMKilled, exit code 0", None, Disagreement.REPORTED_WITHOUT_DEATH),
        ("OOMKilled, exit code 143", None, Disagreement.REPORTED_WITHOUT_DEATH),
        (REPORTED, None, Disagreement.REPORTED_WITHOUT_DEATH),  # the books are sure
        (REPORTED, by_kernel(9), Disagreement.REPORTED_WITHOUT_DEATH),
        (REPORTED, by_kernel(None), Disagreement.REPORTED_WITHOUT_DEATH),
        ("Completed, exit code 0", None, Disagreement.NONE),
        (KILLED, None, Disagreement.NONE),
        ("", None, Disagreement.NONE),
    ],
)
def test_a_child_was_killed_and_the_init_ends_later(
    kernel: Kernel, word: str, ended: ContainerExit | None, expected: Disagreement
) -> None:
    """The outcome stays what the hold found; "OOMKilled" is said of another's death."""
    kill(kernel, CHILD)
    survive(kernel)
    gone(kernel)
    says(kernel, word, ended)
    incident = only(kernel)
    assert incident.outcome is Outcome.SURVIVED
    assert incident.disagreement is expected
    assert incident.runtime_says == (word or "Running")
    assert len(told(kernel)) == (expected is not Disagreement.NONE)


@pytest.mark.parametrize(("code", "claims"), [(0, True), (137, False)])
def test_a_kill_that_nobody_can_place_makes_137_uncertain(
    kernel: Kernel, code: int, claims: bool
) -> None:
    """An unattributed kill may have been the init's; after exit code 0 it cannot have been."""
    kill(kernel, CHILD)
    survive(kernel)
    kernel.oom_kill += 1
    kernel.count()
    gone(kernel)
    says(kernel, f"OOMKilled, exit code {code}")
    assert not told(kernel)  # while it is pending nothing is said
    for _ in range(6):
        kernel.wait()
    assert kernel.ledger.books().unattributed == 1
    assert bool(told(kernel)) is claims


def test_a_child_and_then_the_init(kernel: Kernel) -> None:
    """Of two kills only the init's goes unreported."""
    kill(kernel, CHILD)
    survive(kernel)
    kill(kernel, INIT)
    gone(kernel)
    says(kernel, KILLED)
    first, second = kernel.incidents()
    assert first.disagreement is Disagreement.NONE
    assert second.disagreement is Disagreement.KILL_NOT_REPORTED


def test_the_word_comes_before_the_hold_is_over(kernel: Kernel) -> None:
    """It is judged when the outcome is settled, and the hold's earlier answer does not go over
    it.
    """
    kernel.names.inits.clear()
    kernel.header(CHILD, CONTAINER, CONTAINER)
    kernel.kill(CHILD)
    kernel.group(CONTAINER)
    gone(kernel)
    says(kernel, KILLED)
    assert only(kernel).disagreement is Disagreement.NONE
    kernel.wait()
    kernel.fate(only(kernel), alive=False, says="Running, OOMKilled")
    kernel.wait()
    incident = only(kernel)
    assert incident.runtime_says == KILLED
    assert incident.disagreement is Disagreement.KILL_NOT_REPORTED


def test_the_kernel_counted_none(kernel: Kernel) -> None:
    """ "OOMKilled" of a container in which nothing was killed: an event of its own."""
    kill(kernel, 900, OTHER)
    gone(kernel)
    says(kernel, "OOMKilled, exit code 1")
    kernel.wait()
    (event,) = told(kernel)
    assert (event.kind, event.incident_ids) == (Disagreement.KERNEL_COUNTED_NONE, ())
    assert event.kernel_says == "counted no kill"
    assert event.container.id == CID


def test_the_kernel_counted_none_is_claimed_only_of_a_life_that_was_seen() -> None:
    """Not of a container that had counted before, nor of one that was never seen."""
    kernel = Kernel()
    kernel.counters(CONTAINER, 2)
    for cgroup in (CONTAINER, OTHER):
        gone(kernel, cgroup)
        says(kernel, "OOMKilled, exit code 1", cgroup=cgroup)
    kernel.wait(60 * SECOND)
    assert not told(kernel)


def test_the_kernel_counted_none_is_not_claimed_when_old_incidents_are_forgotten(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger holds so many incidents; that the oldest are gone is no proof of anything."""
    monkeypatch.setattr("agent.ledger.held.MAX_INCIDENTS", 1)
    kernel.counters(CONTAINER, 0, appeared=True)
    for pid in (10, 11, 12):
        kill(kernel, pid)
        survive(kernel)
    kernel.counters(CONTAINER, 3)
    for pid in (20, 21):
        kill(kernel, pid, OTHER)
        survive(kernel)
    gone(kernel)
    says(kernel, "OOMKilled, exit code 0")
    kernel.wait(60 * SECOND)
    assert told(kernel) == []


def test_the_kernel_counted_none_is_not_claimed_beside_a_kill_in_the_pod(kernel: Kernel) -> None:
    """A kill that only the pod's counter tells of may have been in this container."""
    kernel.counters(POD, 0)
    kernel.oom_kill += 1
    kernel.counters(POD, 1)
    kernel.count()
    for _ in range(3):
        kernel.wait()
    assert kernel.ledger.books().victims == 1
    gone(kernel)
    says(kernel, "OOMKilled, exit code 1")
    kernel.wait()
    assert not told(kernel)


def test_a_container_that_was_gone_before_it_was_seen() -> None:
    """No removal tells of its end; the answer about its fate does."""
    kernel = Kernel()
    kernel.names.inits[CID] = INIT
    kill(kernel, INIT)
    kernel.wait()
    assert not asked(kernel)
    kernel.fate(only(kernel), alive=False)
    assert asked(kernel) == [CONTAINER]


def test_a_restart_asks_for_what_was_left_open(kernel: Kernel) -> None:
    """What ended while nobody watched is asked for; what lives, or has its end, is not."""
    kill(kernel, INIT)
    kernel.wait()
    kernel.fate(only(kernel), alive=False)
    (left,) = kernel.incidents()
    kernel.out.clear()
    kernel.start(kernel.ledger.checkpoint(), [left])
    kernel.wait()
    assert asked(kernel) == [CONTAINER]
    says(kernel, REPORTED)
    (closed,) = kernel.incidents()
    kernel.out.clear()
    kernel.start(kernel.ledger.checkpoint(), [closed])
    kernel.wait()
    assert not asked(kernel)


def test_it_is_asked_once_until_it_is_answered(kernel: Kernel) -> None:
    """The removal and the fate ask for the same."""
    kill(kernel, INIT)
    kernel.wait()
    gone(kernel)
    kernel.fate(only(kernel), alive=False)
    assert asked(kernel) == [CONTAINER]
