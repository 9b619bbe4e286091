"""What each piece of evidence adds to a victim, in whatever order it comes."""

from __future__ import annotations

import pytest

from agent.model.oom import Attribution, LimitLevel, Truth, Witness
from tests.ledger.kernel import CONTAINER, OTHER, POD, SETTLE, Kernel, captured, probed

BESIDE = f"{POD}/made-by-somebody"


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.mark.parametrize("before", [True, False])
def test_probe_needs_no_header(kernel: Kernel, before: bool) -> None:
    """Without a header and without /proc: whose cgroup, which limit, how large, since when."""
    probe = probed(CONTAINER, POD, limit_bytes=64 << 20)
    if before:
        kernel.trace(7, probe=probe)
    kernel.kill(7)
    kernel.flush()
    if not before:
        kernel.trace(7, probe=probe)
    (incident,) = kernel.incidents()
    (victim,) = incident.victims
    assert (victim.cgroup, victim.attribution) == (CONTAINER, Attribution.PROBE)
    assert victim.start_boottime_ns == probe.start_boottime_ns
    assert (incident.limit_level, incident.limit_cgroup) == (LimitLevel.POD, POD)
    assert incident.limit_bytes == 64 << 20
    assert incident.constraint == "CONSTRAINT_MEMCG"


@pytest.mark.parametrize("before", [True, False])
def test_probe_outranks_all_else(kernel: Kernel, before: bool) -> None:
    """What was read at the kill itself is right when /proc, a moment later, says otherwise."""
    probe = probed(CONTAINER, CONTAINER)
    if before:
        kernel.trace(7, captured(7, OTHER), probe)
    kernel.kill(7, capture=captured(7, OTHER))
    if not before:
        kernel.trace(7, captured(7, OTHER), probe)
    (incident,) = kernel.incidents()
    assert incident.victims[0].cgroup == CONTAINER
    books = kernel.ledger.books()
    assert (books.victims, books.balanced) == (1, True)


def test_probe_tells_of_the_node(kernel: Kernel) -> None:
    """No cgroup's limit: the node."""
    kernel.trace(7, probe=probed(CONTAINER))
    kernel.kill(7, memcg=False)
    (incident,) = kernel.incidents()
    assert (incident.limit_level, incident.limit_cgroup) == (LimitLevel.NODE, "")


def test_probe_tells_the_limit_of_a_kill_whose_line_is_lost(kernel: Kernel) -> None:
    """kmsg was overrun: the traced victim is booked, at the limit that the probe saw."""
    kernel.trace(7, probe=probed(CONTAINER, POD, limit_bytes=64 << 20))
    kernel.kill(7, heard=False)
    for _ in range(3):
        kernel.wait()
    (incident,) = kernel.incidents()
    assert incident.victims[0].cgroup == CONTAINER
    assert (incident.limit_level, incident.limit_bytes) == (LimitLevel.POD, 64 << 20)


def test_probe_without_its_call_claims_no_limit(kernel: Kernel) -> None:
    """The call of out_of_memory() was lost: whose limit it was stays unknown, not "the node"."""
    kernel.trace(7, probe=probed(CONTAINER, call_ns=None))
    kernel.kill(7)
    (incident,) = kernel.incidents()
    assert incident.limit_level is LimitLevel.UNKNOWN
    assert incident.victims[0].attribution is Attribution.PROBE


def test_limit_beside_the_containers_of_a_pod(kernel: Kernel) -> None:
    """The limit of a cgroup that somebody made in a pod is not the pod's."""
    kernel.trace(7, probe=probed(BESIDE, BESIDE))
    kernel.kill(7)
    (incident,) = kernel.incidents()
    assert incident.limit_level is LimitLevel.NESTED
    assert incident.container is not None
    assert incident.container.pod == "web"
    assert incident.hidden is Truth.UNKNOWN


@pytest.mark.parametrize(("same", "incidents"), [(True, 1), (False, 2)])
def test_probe_tells_calls_apart(kernel: Kernel, same: bool, incidents: int) -> None:
    """Two kills without headers, the first of a group: one call of the kernel's, or two."""
    kernel.trace(7, probe=probed(CONTAINER, CONTAINER, call_ns=1))
    kernel.kill(7)
    kernel.group(CONTAINER)
    kernel.trace(8, probe=probed(CONTAINER, CONTAINER, call_ns=1 if same else 2))
    kernel.kill(8)
    assert len(kernel.incidents()) == incidents


@pytest.mark.parametrize("attribution", [Attribution.RECORDER, Attribution.SCAN])
def test_recorder_is_asked_when_nothing_else_tells(
    kernel: Kernel, attribution: Attribution
) -> None:
    """A victim that nobody could place is asked for once, and booked where the answer says."""
    kernel.kill(7)
    kernel.flush()
    kernel.recorder(CONTAINER, attribution)
    (incident,) = kernel.incidents()
    (victim,) = incident.victims
    assert (victim.cgroup, victim.attribution) == (CONTAINER, attribution)
    kernel.wait()
    assert kernel.ledger.books().victims == 1
    assert not kernel.asked


def test_recorder_comes_after_it_was_given_up(kernel: Kernel) -> None:
    """A late answer takes the kill back from the unattributed ones."""
    kernel.kill(7)
    kernel.wait()
    assert kernel.ledger.books().unattributed == 1
    kernel.recorder(CONTAINER)
    books = kernel.ledger.books()
    assert (books.victims, books.unattributed, books.balanced) == (1, 0, True)


def test_the_pod_when_its_counter_alone_rose(kernel: Kernel) -> None:
    """The leaf is gone and nobody saw it, but the pod's counter outlives it."""
    kernel.counters(POD, 0)
    for pid in (7, 8):
        kernel.kill(pid)
    kernel.counters(POD, 2)
    kernel.wait()
    for incident in kernel.incidents():
        (victim,) = incident.victims
        assert (victim.cgroup, victim.attribution) == (POD, Attribution.COUNTER)
    assert kernel.ledger.books().victims == 2


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("signal", "seen"), [(9, True), (15, False), (None, False)])
def test_exit_is_a_witness(kernel: Kernel, before: bool, signal: int | None, seen: bool) -> None:
    """An exit by SIGKILL, told before or after the line."""
    if before:
        kernel.exit(7, signal)
    kernel.kill(7, capture=captured(7))
    if not before:
        kernel.exit(7, signal)
    (incident,) = kernel.incidents()
    assert (Witness.EXIT in incident.victims[0].witnesses) is seen


def test_exit_of_an_earlier_process(kernel: Kernel) -> None:
    """The pid is used again: the former exit says nothing."""
    kernel.exit(7)
    kernel.wait(3 * SETTLE)
    kernel.kill(7, capture=captured(7))
    (incident,) = kernel.incidents()
    assert Witness.EXIT not in incident.victims[0].witnesses


def test_not_the_container_when_its_pod_counts_more(kernel: Kernel) -> None:
    """One container rose by one, its pod by two: who died in a container that is gone is not booked
    on the one that is there.
    """
    kernel.counters(POD, 0)
    kernel.counters(CONTAINER, 0)
    kernel.kill(7)
    kernel.kill(8)
    kernel.counters(CONTAINER, 1)
    kernel.counters(POD, 2)
    kernel.wait()
    victims = [victim for incident in kernel.incidents() for victim in incident.victims]
    assert [(v.cgroup, v.attribution) for v in victims[:1]] == [(POD, Attribution.COUNTER)]
    assert {v.pid for v in victims} == {7, 8}
    assert kernel.ledger.books().unattributed == 0


def test_an_old_kill_is_not_booked_on_a_pod_that_rose_since() -> None:
    """Kills from before the start are in the log, and a pod loses a process right after it: the
    pod's counter stands for its own kill, not for one of the old ones.
    """
    kernel = Kernel()
    kernel.kill(7)
    kernel.now += SETTLE // 2
    kernel.start()  # for the first time: pid 7's cgroup is gone
    kernel.counters(POD, 0)
    kernel.kill(8)
    kernel.counters(POD, 1)
    kernel.wait()
    booked = {v.pid: v.cgroup for i in kernel.incidents() for v in i.victims}
    assert booked == {7: "", 8: POD}


def test_a_kill_while_the_agent_was_away_is_the_pods_that_counted_more_at_the_start() -> None:
    """What the first reading of a counter shows beyond the books explains the kills before it."""
    kernel = Kernel()
    kernel.counters(POD, 0)
    point = kernel.ledger.checkpoint()
    kernel.kill(7, heard=False)
    kernel.now += SETTLE // 2
    kernel.start(point)
    kernel.counters(POD, 1)
    kernel.wait()
    (incident,) = kernel.incidents()
    assert [(v.pid, v.cgroup) for v in incident.victims] == [(7, POD)]
