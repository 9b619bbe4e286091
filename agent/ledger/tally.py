"""The arithmetic of the books: the kernel's count on one side, what we can explain of it on the
other.

Linux counts in __oom_kill_process (mm/oom_kill.c): count_vm_event(OOM_KILL), then the signal, then
the line "Killed process", so each count has exactly one line, and the line comes a moment after the
count.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from agent.ledger.checkpoint import Checkpoint
from agent.model.oom import OOMBooks

STUCK_NS = 30_000_000_000
"""While kills follow each other, those that are explained hide one that is not; but at each look
something had then been pending for all of this time, which no moment without a kill can be.
"""
OVERDUE_NS = 2 * STUCK_NS
"""By then all that was pending must have been settled, one way or the other."""


class _Streak(Struct):
    """Since when a number was never zero, and the least that it was."""

    since_ns: int | None = None
    least: int = 0

    def see(self, number: int, now_ns: int) -> None:
        if number <= 0:
            self.since_ns = None
        elif self.since_ns is None:
            self.since_ns, self.least = now_ns, number
        else:
            self.least = min(self.least, number)

    def lasting(self, now_ns: int, ns: int) -> int:
        """The least, if it is as long as that; else 0."""
        lasts = self.since_ns is not None and now_ns - self.since_ns >= ns
        return self.least if lasts else 0


class Tally:
    """Counts of one boot. `explained` never exceeds the kernel's count: a line that it does not
    cover is not believed.
    """

    def __init__(self, *, settle_ns: int) -> None:
        self.settle_ns = settle_ns
        self.counted: int | None = None
        self.victims = 0
        self.repeats = 0
        self.unplaced = 0  # victims whose cgroup no evidence names yet
        self.unattributed = 0
        self.before_start = 0
        self.drill_victims = 0
        self.disbelieved = 0
        self.first_count: int | None = None  # vmstat when the agent first ran on this boot
        self.first_run_ns: int | None = None  # and when that was, CLOCK_BOOTTIME
        self.explained_early = 0  # victims and repeats from before that moment
        self._arrivals: deque[tuple[int, int]] = deque()  # (count, when it was first read)
        self._early_judged = False  # done once, when the first count has settled
        self._settled = 0  # the largest count that was read at least `settle` ago
        self._unexplained = _Streak()
        self._pending = _Streak()
        self._overdue = 0

    @property
    def explained(self) -> int:
        """Counts that something accounts for."""
        return self.victims + self.repeats + self.unplaced + self.unattributed

    @property
    def deficit(self) -> int:
        """Counts that nothing accounts for yet; 0 while the kernel's count is unknown."""
        return 0 if self.counted is None else max(0, self.counted - self.explained)

    @property
    def pending(self) -> int:
        """Counts that nothing accounts for yet, and victims without a cgroup."""
        return self.unplaced + self.deficit

    def covers_one_more(self) -> bool:
        """Whether the kernel counted a kill that is not explained; True while its count is
        unknown.
        """
        return self.counted is None or self.explained < self.counted

    def read(self, oom_kill: int | None, now_ns: int) -> None:
        """Take a reading of vmstat; None when it could not be read (the last one stays the
        truth).
        """
        self._unexplained.see(self.deficit, now_ns)  # after all that the last reading brought
        self._pending.see(self.pending, now_ns)
        self._overdue = self._pending.lasting(now_ns, max(OVERDUE_NS, 4 * self.settle_ns))
        if oom_kill is None:
            return
        if self.first_count is None:
            self.first_count, self.first_run_ns = oom_kill, now_ns
        if self.counted is None or oom_kill > self.counted:
            self.counted = oom_kill
            self._arrivals.append((oom_kill, now_ns))

    def overdue(self, now_ns: int) -> int:
        """Counts whose evidence had `settle` to arrive and did not. To be asked once: what it tells
        is given up.

        Kills that were counted and explained meanwhile do not hide what is owed from before the
        first start, and nothing for longer than STUCK_NS.
        """
        while self._arrivals and now_ns - self._arrivals[0][1] >= self.settle_ns:
            self._settled = self._arrivals.popleft()[0]
        owed = self._settled - self.explained
        if not self._early_judged and self._settled:
            self._early_judged = True
            owed = max(owed, self._early)
        stuck = self._unexplained.lasting(now_ns, max(STUCK_NS, 2 * self.settle_ns))
        if stuck > max(0, owed):
            owed, self._unexplained = stuck, _Streak()
        return max(0, min(owed, self.deficit))

    @property
    def _early(self) -> int:
        """Counts from before the agent first ran on this boot that nothing explains."""
        return (self.first_count or 0) - self.explained_early - self.before_start

    def before_first_run(self, ordinals: int) -> int:
        """Of the next `ordinals` unexplained counts, how many are from before the agent first ran
        on this boot.
        """
        return min(ordinals, max(0, self._early))

    def early(self, boottime_ns: int) -> bool:
        """Whether this moment is from before the agent first ran on this boot, and first read the
        count: what it books earlier is in that.
        """
        return self.first_run_ns is None or boottime_ns < self.first_run_ns

    def unknown(self, early: bool, counts: int) -> None:
        """So many counts, `early` ones or later ones, have no victim; negative: they have one after
        all.
        """
        self.unattributed += counts
        if early:
            self.before_start += counts

    def gives_up(self, early: bool, counts: int) -> None:
        """So many victims have no cgroup; negative: they have one after all."""
        self.unknown(early, counts)
        self.explains(early, -counts)

    def explains(self, early: bool, counts: int = 1) -> None:
        """So many counts are explained (or, negative, are not after all)."""
        if early:
            self.explained_early += counts

    def restore(self, point: Checkpoint) -> None:
        """Go on from a checkpoint of this boot."""
        self.victims, self.repeats = point.victims, point.repeats
        self.unplaced, self.unattributed = point.unplaced, point.unattributed
        self.before_start, self.first_count = point.before_start, point.first_count
        self.first_run_ns, self.explained_early = point.first_run_ns, point.explained_early
        self._early_judged = True
        self.drill_victims, self.disbelieved = point.drill_victims, point.disbelieved
        if self.first_run_ns is None:
            self.all_early()

    def all_early(self) -> None:
        """The count is still to be read for the first time: all of this is in that."""
        self.before_start = self.unattributed
        self.explained_early = self.victims + self.repeats + self.unplaced

    def unplaced_lost(self, count: int) -> None:
        """Victims without a cgroup whose incidents the journal no longer holds: nothing will place
        them now.
        """
        self.unplaced -= count
        self.unattributed += count

    def checkpoint(
        self, boot_id: str, kmsg_sequence: int, forged_sequence: int, booked: dict[str, int]
    ) -> Checkpoint:
        """The durable form of the sums."""
        return Checkpoint(
            boot_id=boot_id,
            kmsg_sequence=kmsg_sequence,
            forged_sequence=forged_sequence,
            first_count=self.first_count,
            first_run_ns=self.first_run_ns,
            explained_early=self.explained_early,
            victims=self.victims,
            repeats=self.repeats,
            unplaced=self.unplaced,
            unattributed=self.unattributed,
            before_start=self.before_start,
            drill_victims=self.drill_victims,
            disbelieved=self.disbelieved,
            booked=booked,
        )

    def books(self) -> OOMBooks:
        """The published form."""
        return OOMBooks(
            counted=self.counted,
            victims=self.victims,
            repeats=self.repeats,
            unattributed=self.unattributed,
            unattributed_before_start=self.before_start,
            pending=self.pending,
            overdue=min(self._overdue, self.pending),
            drill_victims=self.drill_victims,
            disbelieved=self.disbelieved,
            settle_seconds=self.settle_ns / 1e9,
        )
