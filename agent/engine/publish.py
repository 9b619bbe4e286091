"""One way out: what is to be told goes to the stream, the index, the metrics and the journal.

Subscribers are served before the disk, so that a dead disk delays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from agent.engine.guard import Guard
from agent.host.clock import Clock
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.exit_series import ExitSeries
from agent.ledger.series import OOMSeriesFold
from agent.model.event import (
    Event,
    EventKind,
    ExitAmended,
    ExitRecorded,
    OOMAmended,
    OOMRecorded,
    RuntimeDisagreement,
    SourceGap,
)
from agent.state.deaths import DeathIndex
from agent.state.incidents import IncidentIndex
from agent.state.stream import EventStream

TELLING = "events"
"""The name under which a failure of telling an event is published."""


class Publisher:
    """Everything that the agent tells passes here once."""

    def __init__(
        self,
        *,
        stream: EventStream,
        index: IncidentIndex,
        series: OOMSeriesFold,
        deaths: DeathIndex,
        exits: ExitSeries,
        clock: Clock,
        guard: Guard,
        listen: Callable[[Event], None],
    ) -> None:
        self._stream = stream
        self._index = index
        self._series = series
        self._deaths = deaths
        self._exits = exits
        self._clock = clock
        self._guard = guard
        self._listen = listen
        self._committed: Checkpoint | None = None
        self._unstored = False  # something was told and not handed to the journal

    def publish(self, kinds: Sequence[EventKind], checkpoint: Checkpoint | None) -> None:
        """Number and tell these; they are stored together with the checkpoint that claims them.

        If the journal drops them, the checkpoint is offered again: what the ledger holds must
        reach the disk with the next thing that does. Without a checkpoint (it could not be made)
        they are stored all the same, for the one on the disk does not claim them. An event that
        cannot be told costs itself alone.
        """
        events = self._number(kinds)
        new_checkpoint = checkpoint is not None and checkpoint != self._committed
        if checkpoint is not None:
            self._series.balanced(checkpoint)
        unsaved = self._unstored or self._exits.unsaved() or self._series.unsaved()
        if events or new_checkpoint or unsaved:
            self._guard.call(TELLING, partial(self._commit, checkpoint))
        self._let_hear(events)

    def tell(self, kinds: Sequence[EventKind]) -> None:
        """Number and tell these, of which there is more to come; they are stored with the next
        `publish`.
        """
        events = self._number(kinds)
        self._unstored = self._unstored or bool(events)
        self._let_hear(events)

    def _number(self, kinds: Sequence[EventKind]) -> list[Event]:
        events = []
        for kind in kinds:
            event = self._guard.call(TELLING, partial(self._tell, kind))
            if event is None:
                detail = f"{type(kind).__name__} could not be told"
                gap = SourceGap(source=TELLING, lost=1, detail=detail)
                event = self._guard.call(TELLING, partial(self._tell, gap))
            if event is not None:
                events.append(event)
        return events

    def _let_hear(self, events: Sequence[Event]) -> None:
        for event in events:
            self._guard.call(TELLING, partial(self._listen, event))

    def _tell(self, kind: EventKind) -> Event:
        now_ns, wall_ns = self._clock.boottime_ns(), self._clock.wall_ns()
        event = self._stream.publish(kind, now_ns, wall_ns)
        if isinstance(kind, OOMRecorded | OOMAmended):
            self._index.put(kind.incident)
            self._series.incident(kind.incident, now_ns)
        elif isinstance(kind, ExitRecorded | ExitAmended):
            self._deaths.put(kind.death)
            self._exits.death(kind.death, now_ns)
        elif isinstance(kind, RuntimeDisagreement):
            self._series.disagreement(kind.kind)
        return event

    def _commit(self, checkpoint: Checkpoint | None) -> None:
        self._committed, self._unstored = None, False
        data = None if checkpoint is None else checkpoint.encode()
        stored = self._stream.commit(data, self._exits.unsaved(), self._series.unsaved())
        if stored:
            self._exits.saved()
            self._series.saved()
        self._committed = checkpoint if stored else None
