"""The OOM ledger: every kill exactly once, its sum checked against the kernel's own count.

Counts come from /proc/vmstat, which outlives every cgroup; stories come from kmsg, the tracepoint,
/proc and the cgroups' counters. A kill is booked when the kernel's count covers it, on the best
evidence there is, and is amended as better evidence arrives. What no evidence explains within
`settle` is published as unattributed.

A pure fold: evidence in, records and requests for more evidence out; no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.ledger.admission import Admission
from agent.ledger.calls import CallAssembler
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.closing import Closing, Directory, Output
from agent.ledger.ends import Ends
from agent.ledger.incidents import IncidentBook
from agent.ledger.levels import Levels
from agent.ledger.orphans import Orphans
from agent.ledger.stories import SAME_PROCESS_NS, Stories
from agent.ledger.tally import Tally
from agent.model.evidence import (
    CgroupGone,
    CountersSeen,
    EndSeen,
    ExitSeen,
    FateSeen,
    ForgedSeen,
    KmsgSeen,
    KmsgState,
    LimitSeen,
    NamesSeen,
    OOMEvidence,
    PlacesSeen,
    TraceSeen,
    VmstatSeen,
)
from agent.model.kmsg import OOMGroupKill, OOMKilledProcess
from agent.model.oom import (
    OOMBooks,
    OOMIncident,
)


class OOMLedger:
    """The books of one boot. `fold` takes evidence in order, `tick` judges what is overdue, `flush`
    gives what changed.
    """

    def __init__(
        self,
        *,
        boot_id: str,
        settle_ns: int,
        hold_ns: int,
        directory: Directory,
        wall_offset_ns: int,
        checkpoint: Checkpoint | None = None,
        incidents: Iterable[OOMIncident] = (),
    ) -> None:
        """`wall_offset_ns` turns CLOCK_BOOTTIME into wall time; a checkpoint of another boot is
        ignored.
        """
        self._boot_id = boot_id
        self._kmsg_up = False
        self._assembler = CallAssembler()
        through = -1
        self._forged_through = -1
        self._tally = Tally(settle_ns=settle_ns)
        self._levels = Levels({})
        here = [incident for incident in incidents if incident.boot_id == boot_id]
        known = checkpoint is not None and checkpoint.boot_id == boot_id
        if checkpoint is not None and known:
            through = checkpoint.kmsg_sequence
            self._forged_through = checkpoint.forged_sequence
            self._levels = Levels(checkpoint.booked)
            self._tally.restore(checkpoint)
        self._book = IncidentBook(
            boot_id=boot_id, wall_offset_ns=wall_offset_ns, tally=self._tally, levels=self._levels
        )
        self._closing = Closing(
            book=self._book, levels=self._levels, directory=directory, hold_ns=hold_ns
        )
        self._ends = Ends(book=self._book, tally=self._tally, directory=directory)
        self._orphans = Orphans(book=self._book, tally=self._tally, levels=self._levels)
        self._book.restore(here, rebuild=not known)
        self._tally.unplaced_lost(
            self._tally.unplaced
            - sum(1 for e in self._book.unplaced() for v in e.incident.victims if not v.cgroup)
        )
        if not known:
            sequences = (v.kmsg_sequence for incident in here for v in incident.victims)
            through = max((s for s in sequences if s is not None), default=-1)
        self._stories = Stories(
            book=self._book, tally=self._tally, levels=self._levels, orphans=self._orphans
        )
        self._admission = Admission(
            book=self._book, tally=self._tally, stories=self._stories, through=through
        )

    def fold(self, evidence: OOMEvidence, now_ns: int) -> None:
        """Take one piece of evidence; `now_ns` is CLOCK_BOOTTIME."""
        if self._book.started_ns is None:
            self._book.started_ns = now_ns
        match evidence:
            case KmsgSeen():
                self._line(evidence, now_ns)
            case TraceSeen():
                self._stories.trace(evidence, now_ns)
            case VmstatSeen():
                self._tally.read(evidence.oom_kill, now_ns)
                self._admission.admit(now_ns, late=evidence.oom_kill is not None)
                if not self._kmsg_up:
                    self._orphans.book_candidates(self._tally.deficit, now_ns)
            case CountersSeen():
                self._levels.seen(evidence, now_ns)
                self._ends.counters(evidence)
                if evidence.events is not None:
                    self._book.witness_counters(evidence.place.path, evidence.events.oom_kill)
            case CgroupGone():
                self._levels.gone(evidence.place.path, evidence.inode)
                self._ends.gone(evidence)
            case NamesSeen():
                self._book.names(evidence.container)
            case FateSeen():
                self._closing.fate(evidence)
                self._ends.fate(evidence.incident_id)
            case EndSeen():
                self._ends.end(evidence, now_ns)
            case LimitSeen():
                entry = self._book.held.get(evidence.incident_id)
                if entry is not None and evidence.limit_bytes is not None:
                    self._book.amend(entry, limit_bytes=evidence.limit_bytes)
            case PlacesSeen():
                self._stories.places(evidence)
            case ExitSeen():
                self._stories.exit(evidence)
            case KmsgState():
                self._kmsg_up = evidence.up
            case ForgedSeen():
                if evidence.sequence > self._forged_through:  # the ring is read again at a start
                    self._forged_through = evidence.sequence
                    self._tally.disbelieved += 1

    def written_until_ns(self) -> int:
        """Kills that the tracepoint told of before this are booked, or were never counted."""
        return self._book.held.latest_ns() - SAME_PROCESS_NS

    def reconciled(self) -> None:
        """All that a start can read again has been folded: what the count does not want by now was
        never counted.
        """
        if self._tally.counted is not None:
            self._orphans.keep(self._tally.deficit)

    def tick(self, now_ns: int) -> None:
        """Judge what is overdue: lines that the count never covered, counts that nothing
        explained.
        """
        self._admission.expire(now_ns)
        self._orphans.judge(now_ns)
        self._ends.tick(now_ns)
        self._closing.review()

    def flush(self, now_ns: int) -> Iterator[Output]:
        """What changed since the last flush, each incident once, and requests for evidence that is
        due; of very much a part (`behind`).
        """
        self._ends.step()
        yield from self._closing.flush(now_ns)
        yield from self._ends.take()

    @property
    def behind(self) -> bool:
        """Whether the last flush has left something for the next."""
        return self.untold or self._ends.behind

    @property
    def untold(self) -> bool:
        """Whether incidents have changed that the last flush has left for the next: a checkpoint
        would claim them. The runtime's words that are not written yet are asked for again.
        """
        return self._closing.behind

    def unpublished_cgroups(self) -> list[str]:
        """Where kills were booked since the last flush: their counters can be read as a witness."""
        return self._book.unpublished_cgroups()

    def next_due_ns(self) -> int | None:
        """When to flush next even if nothing arrives (CLOCK_BOOTTIME); None if nothing is owed."""
        return 0 if self._ends.behind else self._closing.next_due_ns()

    @property
    def kmsg_known(self) -> int:
        """Every kill of the kernel's log up to this sequence is in the books; -1: none need be."""
        return self._admission.through

    @property
    def first_run_ns(self) -> int | None:
        """When the agent first ran on this boot, CLOCK_BOOTTIME; None before the first reading."""
        return self._tally.first_run_ns

    def books(self) -> OOMBooks:
        """The sums, as they are published."""
        return self._tally.books()

    def checkpoint(self) -> Checkpoint:
        """What a restart goes on from; consistent with all that was flushed."""
        return self._tally.checkpoint(
            self._boot_id, self._admission.through, self._forged_through, self._levels.booked()
        )

    def _line(self, seen: KmsgSeen, now_ns: int) -> None:
        call_ns = None
        if isinstance(seen.line, OOMKilledProcess):
            call_ns = self._stories.call_of(seen.line.pid, seen.boottime_ns)
        placed = self._assembler.feed(seen, call_ns)
        if placed is not None:
            told_more = isinstance(seen.line, OOMGroupKill)
            self._admission.line(*placed, now_ns, told_more=told_more)
