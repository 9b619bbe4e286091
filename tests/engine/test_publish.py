"""The one way out: stream, index, metrics and journal tell the same."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.publish import Publisher
from agent.ledger.exit_series import ExitSeries
from agent.ledger.series import OOMSeriesFold
from agent.model.event import Event, ExitRecorded, OOMRecorded
from agent.model.exits import ExitCount
from agent.model.oom import OOMCount, OOMCounter
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.off import NoJournal
from agent.state.record import Record
from agent.state.stream import EventStream
from tests.ledger.test_checkpoint import POINT
from tests.ledger.test_exit_series import death
from tests.ledger.test_series import BOOKS, incident
from tests.observe.fakes import FakeClock


class Journal(NoJournal):
    """Remembers what it was given; its queue can be full."""

    def __init__(self) -> None:
        super().__init__(0)
        self.batches: list[tuple[int, bytes | None]] = []
        self.full = False
        self.counted: list[ExitCount] = []
        self.kills: list[OOMCount] = []

    def append(
        self,
        records: Sequence[Record],
        checkpoint: bytes | None,
        exits: Sequence[ExitCount] = (),
        kills: Sequence[OOMCount] = (),
    ) -> bool:
        self.batches.append((len(records), checkpoint))
        if not self.full:
            self.counted += exits
            self.kills += kills
        return not self.full


class Bench:
    def __init__(self) -> None:
        self.journal = Journal()
        self.index = IncidentIndex(10)
        self.series = OOMSeriesFold(retention_ns=1, max_series=10)
        self.heard: list[Event] = []
        self.publisher = Publisher(
            stream=EventStream(self.journal, "boot"),
            index=self.index,
            series=self.series,
            deaths=DeathIndex(),
            exits=ExitSeries(retention_ns=1, max_series=1),
            clock=FakeClock(),
            guard=Guard(SourceBoard(FakeClock())),
            listen=self.heard.append,
        )


def test_an_incident_goes_everywhere_with_its_checkpoint() -> None:
    """What the checkpoint claims is in the same batch of the journal."""
    bench = Bench()
    bench.publisher.publish([OOMRecorded(incident=incident())], POINT)
    assert bench.journal.batches == [(1, POINT.encode())]
    assert bench.index.get(incident().id) == incident()
    assert [c.pod for c in bench.series.series(BOOKS).containers] == ["web-0"]
    assert [event.sequence for event in bench.heard] == [1]


def test_nothing_new_is_not_written() -> None:
    """A checkpoint that is stored is not stored again."""
    bench = Bench()
    bench.publisher.publish([], POINT)
    bench.publisher.publish([], POINT)
    assert bench.journal.batches == [(0, POINT.encode())]


def test_a_dropped_checkpoint_is_offered_again() -> None:
    """With the journal's queue full, the next call tries again until it is taken."""
    bench = Bench()
    bench.journal.full = True
    bench.publisher.publish([], POINT)
    bench.journal.full = False
    bench.publisher.publish([], POINT)
    bench.publisher.publish([], POINT)
    assert len(bench.journal.batches) == 2


def test_the_counter_of_deaths_goes_with_its_event() -> None:
    """In the same append; offered again if that is dropped, and not when it was taken."""
    bench = Bench()
    bench.journal.full = True
    bench.publisher.publish([ExitRecorded(death=death(1))], None)
    assert bench.journal.counted == []
    bench.journal.full = False
    bench.publisher.publish([ExitRecorded(death=death(2))], None)
    bench.publisher.publish([], None)
    assert [each.count for each in bench.journal.counted] == [2]


def test_the_counters_of_kills_go_with_their_incident() -> None:
    """As those of deaths; and what the books took back goes with the books."""
    bench = Bench()
    bench.publisher.publish([OOMRecorded(incident=incident())], POINT)
    assert {(k.sum.counter, k.sum.label): k.count for k in bench.journal.kills} == {
        (OOMCounter.KILLS, "died"): 1,
        (OOMCounter.INCIDENTS, "container"): 1,
    }
    bench.journal.kills.clear()
    bench.publisher.publish([], replace(POINT, unattributed=3, before_start=2))
    bench.publisher.publish([], replace(POINT, unattributed=2, before_start=2))
    (taken,) = bench.journal.kills
    assert (taken.sum.counter, taken.count) == (OOMCounter.TAKEN_BACK, 1)


def test_the_counters_of_kills_wait_for_the_books() -> None:
    """An incident that no checkpoint claims yet is stored, and is told again after SIGKILL: a
    counter that had it already would count it twice. A death is not told again.
    """
    bench = Bench()
    bench.publisher.publish([OOMRecorded(incident=incident()), ExitRecorded(death=death(1))], None)
    assert bench.journal.batches == [(2, None)]
    assert (len(bench.journal.counted), bench.journal.kills) == (1, [])
    bench.publisher.publish([], None)
    assert len(bench.journal.batches) == 1
    bench.publisher.publish([], POINT)
    assert bench.journal.batches[1:] == [(0, POINT.encode())]
    assert {each.sum.counter for each in bench.journal.kills} == {
        OOMCounter.KILLS,
        OOMCounter.INCIDENTS,
    }
