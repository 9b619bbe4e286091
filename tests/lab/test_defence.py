"""The agent's own defence: what it is on a node where all that it could lean on is down at once."""

import signal
import time
from collections.abc import Iterator, Sequence

import pytest

from agent.api.v1.condition_pb2 import CONDITION_STATUS_FALSE
from agent.api.v1.event_pb2 import Event
from agent.api.v1.status_pb2 import Journal
from tests.lab.agent_process import AgentProcess
from tests.lab.asking import Asking, incident_of
from tests.lab.deadline import until
from tests.lab.guest import Guest
from tests.lab.kubelet import Pods
from tests.lab.node import Node
from tests.lab.scenarios.runtime import stopped
from tests.lab.scenarios.slow_disk import MOUNT, NAME, SlowDisk, slow_disk
from tests.lab.scenarios.storm import Storm
from tests.lab.status_pace import StatusPace
from tests.lab.truth import books_since, mark

SECONDS = 300.0
SETTINGS = {
    "state.directory": f"{MOUNT}/state",
    "disks.stalled_after": "3s",
    "runtime.interval": "1s",
    "runtime.version_deadline": "2s",
}
KILLS, FIRST = 60, 20
ASK_SECONDS = 1.0


@pytest.fixture
def disk(guest: Guest) -> Iterator[SlowDisk]:
    """Before the agent, so that it is removed when the agent is gone."""
    with slow_disk(guest) as disk:
        yield disk


def victims(events: Sequence[Event]) -> set[int]:
    """Of the storm's pod, by pid."""
    found = filter(None, map(incident_of, events))
    return {v.pid for one in found if one.container.pod == "storm" for v in one.victims}


def counted(asking: Asking) -> float:
    """nodewitness_oom_kills_total of the storm's pod."""
    return sum(n for _, n in asking.metrics("nodewitness_oom_kills_total", pod="storm"))


def journal_changes(events: Sequence[Event]) -> list[str]:
    return [e.journal_change.state for e in events if e.WhichOneof("kind") == "journal_change"]


def test_no_disk_no_runtime_and_a_storm(
    pods: Pods,
    node: Node,
    guest: Guest,
    disk: SlowDisk,
    agent: AgentProcess,
    figures: list[str],
) -> None:
    """The disk of the agent's own journal is suspended, containerd is stopped, and a storm kills
    beneath a pod: every kill is told, counted and booked meanwhile, and so is it that nothing is
    stored. When the disk is back, all that waited is written: an agent that is killed then has lost
    nothing, and the next one tells nothing twice.
    """
    pod = pods.create("storm")
    agent.start(SETTINGS, cold=True)
    asking = Asking(agent)
    before, since = asking.settled(), mark(guest)
    until(lambda: asking.status().journal.waiting == 0, SECONDS, "all is stored")
    pace = StatusPace(guest, figures)
    began = time.monotonic()
    assert asking.metric("nodewitness_journal_up") == 1
    healthy_scrape = time.monotonic() - began

    def journal(state: str) -> Journal:
        def found() -> Journal | None:
            seen = asking.status().journal
            return seen if seen.state == state else None

        return until(found, SECONDS, f"the journal is {state}", lambda: str(asking.status()))

    with disk.frozen(), stopped(node):
        storm = Storm(pod.group, kills=KILLS, options=f"hold {FIRST} 3000")
        hangs = journal("stalled")
        assert f"{MOUNT}/state/journal.db: the disk has not answered for" in hangs.detail
        storm.let_go()
        kernel_pids = {pid for leaf in storm.finish() for pid in leaf.pids}
        kernel = books_since(guest, since)
        assert kernel.victims == kernel_pids
        asking.balanced(before, since, kernel)
        found = asking.condition("DiskStalled", "", lambda c: c.reason == "Suspended")
        assert f"(device-mapper {NAME}" in found.message
        assert f"mounted at {MOUNT}" in found.message
        asking.condition("RuntimeUnresponsive", "", lambda c: c.reason == "Stopped")
        until(
            lambda: counted(asking) == KILLS,
            SECONDS,
            "each kill is in the counters",
            lambda: str(asking.metrics("nodewitness_oom_kills_total", pod="storm")),
            every=ASK_SECONDS,
        )
        events = asking.events()
        assert victims(events) == kernel_pids
        assert journal_changes(events)[-1] == "stalled"
        hangs = asking.status().journal
        assert hangs.state == "stalled"
        assert hangs.waiting > 0
        assert hangs.dropped == 0
        assert hangs.last_sequence < events[-1].sequence
        began = time.monotonic()
        assert asking.metric("nodewitness_journal_up") == 0
        scrape = time.monotonic() - began
        assert asking.metric("nodewitness_journal_waiting_events") > 0
        said = guest.run(["nodectl", "--timeout", "60s", "status"], check=False).out
        assert "stalled: " in said
        assert "events wait for the disk" in " ".join(said.split())
        pace.holds("its journal's disk suspended, containerd stopped, after a storm")
        lag = getattr(asking.status(), "self").loop_lag_max.ToMilliseconds()  # noqa: B009
        figures.append(
            f"journal's disk suspended, containerd stopped, {KILLS} kills: all told,"
            f" {hangs.waiting} events wait for the disk, the loop was late by {lag} ms at most, a"
            f" scrape took {scrape:.1f} s, before all that {healthy_scrape:.1f} s"
        )

    journal("ok")
    asking.condition("DiskStalled", "", status=CONDITION_STATUS_FALSE)
    asking.settled()
    events = asking.events()
    assert journal_changes(events)[-1] == "ok"

    def all_stored() -> bool:
        seen = asking.status().journal
        return seen.waiting == 0 and seen.last_sequence >= events[-1].sequence

    until(all_stored, SECONDS, "what waited is written", lambda: str(asking.status().journal))
    books = asking.books()
    incidents = {one.id: sorted(v.pid for v in one.victims) for one in asking.incidents()}

    agent.restart(signal.SIGKILL)
    again = asking.settled()
    assert (again.counted, again.victims, again.repeats, again.unattributed) == (
        books.counted,
        books.victims,
        books.repeats,
        books.unattributed,
    )
    assert again.balanced
    assert {one.id: sorted(v.pid for v in one.victims) for one in asking.incidents()} == incidents
    stream = events[0].stream_id
    held = asking.events()
    kept = [event for event in held if event.stream_id == stream]
    assert kept[: len(events)] == events
    anew = [event for event in held if event.stream_id != stream]
    assert not [event for event in anew if event.WhichOneof("kind") == "oom_recorded"]
    assert counted(asking) == KILLS
