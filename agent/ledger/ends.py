"""The runtime's last word on each container, held against what the kernel killed in it.

A runtime hears of OOM kills and of exits on different paths: it misses a kill whose cgroup goes at
once (containerd #8893), and keeps "OOMKilled" for good once it has heard of any kill in a container
(kubernetes #131530, #140716). So its last word is asked for when a container's cgroup is gone, and
is judged when the books are sure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from agent.ledger.closing import Directory
from agent.ledger.end_writing import EndWriter, concerns, kills_init
from agent.ledger.entry import Entry
from agent.ledger.incidents import IncidentBook
from agent.ledger.tally import Tally
from agent.model.cgroup import CgroupLevel
from agent.model.event import RuntimeDisagreement
from agent.model.evidence import CgroupGone, CountersSeen, EndSeen, EndWanted
from agent.model.oom import (
    Container,
    ContainerExit,
    Disagreement,
    ExitTeller,
    OOMIncident,
    Outcome,
    Truth,
)

SIGKILL = 9
UNPROVEN_CODES = (128 + SIGKILL, 255)
"""Of a runtime's record: SIGKILL or exit(137); and what containerd writes when it missed the exit.
"""
JUDGE_WITHIN_NS = 10_000_000_000
"""How long a word waits for the books: holds end and counts settle within some seconds."""
RECENT_NS = 3_600_000_000_000
"""Of containers that died longer ago nothing is asked after a restart of the agent."""
MAX_ENDED = 4096
MAX_NAMED = 64
"""Incidents that a disagreement names, the latest; each of them says so itself."""


class _Life(Struct, frozen=True):
    inode: int
    clean: bool  # it was seen from its beginning, and the kernel has killed nothing in it
    given_up: int  # counts that were unattributed by then


class _Word(Struct, frozen=True):
    seen: EndSeen
    since_ns: int


class Ends:
    """Hears which containers come and go, asks for their end, judges the answer."""

    def __init__(self, *, book: IncidentBook, tally: Tally, directory: Directory) -> None:
        self._book = book
        self._tally = tally
        self._directory = directory
        self._alive: dict[str, _Life] = {}  # by container id, as the other three
        self._ended: OrderedDict[str, _Life] = OrderedDict()
        self._asked: set[str] = set()  # not answered yet
        self._words: dict[str, _Word] = {}  # not judged yet
        self._writer = EndWriter(book)
        self._out: list[RuntimeDisagreement | EndWanted] = []
        self._restored = False

    def counters(self, seen: CountersSeen) -> None:
        """A container is there."""
        place, events = seen.place, seen.events
        if place.level is not CgroupLevel.CONTAINER or events is None:
            return
        known = self._alive.get(place.container_id)
        if known is None or known.inode != seen.inode:
            # v1 does not count in a container what was killed in a cgroup nested in it.
            clean = events.oom_kill == 0 and (seen.appeared or seen.local is not None)
            life = _Life(seen.inode, clean, self._tally.unattributed)
            self._alive[place.container_id] = life
        elif known.clean and events.oom_kill > 0:  # its incidents may be trimmed before it ends
            self._alive[place.container_id] = replace(known, clean=False)

    def gone(self, seen: CgroupGone) -> None:
        """A cgroup is gone; if it was a container's, the runtime will know how it ended."""
        place = seen.place
        if place.level is not CgroupLevel.CONTAINER:
            return
        life = self._alive.pop(place.container_id, None)
        if life is not None:
            self._ended[place.container_id] = life
            while len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)
        self._ask(EndWanted(place=place))

    def fate(self, incident_id: str) -> None:
        """What became of a container was asked. One that was gone before it could be followed
        tells of its end in no other way.
        """
        entry = self._book.held.get(incident_id)
        if entry is not None and entry.incident.outcome is not Outcome.SURVIVED:
            self._ask_for(entry)

    def end(self, seen: EndSeen, now_ns: int) -> None:
        """The answer to EndWanted."""
        container_id = seen.place.container_id
        self._asked.discard(container_id)
        if seen.runtime_says:
            self._words[container_id] = _Word(seen, now_ns)
            self._judge(container_id, now_ns)
        if not seen.runtime_says or container_id in self._words:
            self._writer.write(seen, Disagreement.NONE, self._book.held.of_container(container_id))

    def tick(self, now_ns: int) -> None:
        """Judge what could not be judged yet; at the first, ask for what a former run left open."""
        if not self._restored:
            self._restored = True
            for entry in self._book.held.recent(now_ns - RECENT_NS):
                self._ask_for(entry)
        for container_id in tuple(self._words):
            self._judge(container_id, now_ns)

    def step(self) -> None:
        """Write a part of what is to be written into incidents."""
        self._writer.step()

    @property
    def behind(self) -> bool:
        """Whether there is more of that."""
        return self._writer.behind

    def take(self) -> list[RuntimeDisagreement | EndWanted]:
        """What is to be told and to be asked since this was last called."""
        out, self._out = self._out, []
        return out

    def _ask_for(self, entry: Entry) -> None:
        place = entry.place
        if place is None or not place.container_id or place.container_id in self._alive:
            return
        if entry.incident.container_exit is None:
            self._ask(EndWanted(place=place))

    def _ask(self, wanted: EndWanted) -> None:
        if wanted.place.container_id not in self._asked:
            self._asked.add(wanted.place.container_id)
            self._out.append(wanted)

    def _judge(self, container_id: str, now_ns: int) -> None:
        word = self._words[container_id]
        entries = self._book.held.of_container(container_id)
        incidents = [entry.incident for entry in entries]
        unsettled = self._tally.deficit or self._tally.unplaced
        unsettled = unsettled or any(i.outcome is Outcome.OPEN for i in incidents)
        if unsettled and now_ns - word.since_ns < JUDGE_WITHIN_NS:
            return
        del self._words[container_id]
        life = self._ended.get(container_id)
        kind = disagreement(
            word.seen,
            incidents,
            sure=self._sure(word.seen, life),
            clean=life is not None and life.clean,
        )
        if kind is not Disagreement.NONE:
            self._tell(kind, word.seen, incidents)
        self._writer.write(word.seen, kind, entries)  # also those that came after the word

    def _sure(self, seen: EndSeen, life: _Life | None) -> bool:
        """Whether every kill in this container since it was first seen is booked on it."""
        tally = self._tally
        if life is None or tally.counted is None or tally.deficit or tally.unplaced:
            return False
        return tally.unattributed == life.given_up and not self._book.held.kills_above(
            seen.place.container_path
        )

    def _tell(self, kind: Disagreement, seen: EndSeen, incidents: Sequence[OOMIncident]) -> None:
        """Once, before it is written into the incidents."""
        if self._writer.tells(seen.place.container_id, kind):
            return
        if kind is Disagreement.KILL_NOT_REPORTED:
            incidents = [incident for incident in incidents if concerns(kind, incident)]
        if any(incident.disagreement is kind for incident in incidents):
            return
        event = RuntimeDisagreement(
            container=self._directory.names(seen.place) or Container(id=seen.place.container_id),
            kind=kind,
            runtime_says=seen.runtime_says,
            kernel_says=kernel_says(kind, incidents),
            incident_ids=tuple(incident.id for incident in incidents[-MAX_NAMED:]),
        )
        self._out.append(event)


def disagreement(
    seen: EndSeen, incidents: Sequence[OOMIncident], *, sure: bool, clean: bool
) -> Disagreement:
    """How the runtime's last word contradicts the container's incidents; NONE also where one side
    is not proven.

    `sure`: every kill in it since it was first seen is among them; `clean`: and none was before.
    """
    if not seen.runtime_says.startswith("OOMKilled"):
        killed = any(map(kills_init, incidents))
        return Disagreement.KILL_NOT_REPORTED if killed else Disagreement.NONE
    if not incidents:
        return Disagreement.KERNEL_COUNTED_NONE if sure and clean else Disagreement.NONE
    if init_killed(incidents, seen.exit, sure=sure) is Truth.NO:
        return Disagreement.REPORTED_WITHOUT_DEATH
    return Disagreement.NONE


def init_killed(
    incidents: Sequence[OOMIncident], ended: ContainerExit | None, *, sure: bool
) -> Truth:
    """Whether the OOM killer killed the init of the container that these incidents are of."""
    if any(map(kills_init, incidents)):
        return Truth.YES
    if ended is not None and not _perhaps_sigkill(ended):
        return Truth.NO
    return Truth.NO if sure and all(map(_spares_init, incidents)) else Truth.UNKNOWN


def kernel_says(kind: Disagreement, incidents: Sequence[OOMIncident]) -> str:
    """What the kernel did to the container, in words that follow "the kernel"."""
    match kind:
        case Disagreement.KILL_NOT_REPORTED:
            group = any(incident.group_kill for incident in incidents)
            return "OOM-killed all of it at once" if group else "OOM-killed its init"
        case Disagreement.REPORTED_WITHOUT_DEATH:
            victims = sum(len(incident.victims) for incident in incidents)
            processes = "1 process" if victims == 1 else f"{victims} processes"
            return f"OOM-killed {processes} of it, not its init"
        case Disagreement.KERNEL_COUNTED_NONE:
            return "counted no kill"
        case Disagreement.NONE:
            return ""


def _spares_init(incident: OOMIncident) -> bool:
    init = {victim.container_init for victim in incident.victims}
    return incident.outcome is Outcome.SURVIVED or init == {Truth.NO}


def _perhaps_sigkill(ended: ContainerExit) -> bool:
    if ended.told_by is ExitTeller.KERNEL:
        return ended.signal == SIGKILL
    return ended.exit_code is None or ended.exit_code in UNPROVEN_CODES
