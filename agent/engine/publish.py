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

    def publish(self, kinds: Sequence[EventKind], checkpoint: Checkpoint | None) -> None:
        """Number and tell these; they are stored together with the checkpoint that claims them.

        If the journal drops them, the checkpoint is offered again: what the ledger holds must
        reach the disk with the next thing that does. Without a checkpoint (there is more to tell,
        or it could not be made) they are stored all the same, for the one on the disk does not
        claim them; the counters of kills wait, for they go with the books. An event that cannot be
        told costs itself alone.
        """
        events = []
        for kind in kinds:
            event = self._guard.call(TELLING, partial(self._tell, kind))
            if event is None:
                detail = f"{type(kind).__name__} could not be told"
                gap = SourceGap(source=TELLING, lost=1, detail=detail)
                event = self._guard.call(TELLING, partial(self._tell, gap))
            if event is not None:
                events.append(event)
        new = bool(events or self._exits.unsaved())
        if checkpoint is not None:
            self._series.balanced(checkpoint)
            new = new or bool(self._series.unsaved()) or checkpoint != self._committed
        if new:
            self._guard.call(TELLING, partial(self._commit, checkpoint))
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
        self._committed = None
        data = None if checkpoint is None else checkpoint.encode()
        kills = [] if checkpoint is None else self._series.unsaved()
        if not self._stream.commit(data, self._exits.unsaved(), kills):
            return
        self._exits.saved()
        if checkpoint is not None:
            self._series.saved()
        self._committed = checkpoint
