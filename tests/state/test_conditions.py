"""The fold: what makes a condition True, False, Unknown, and how long that takes."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.model.condition import (
    NODE,
    Condition,
    ConditionType,
    Entity,
    EntityKind,
    Finding,
    Severity,
    Verity,
)
from agent.model.event import ConditionChanged
from agent.model.oom import Container
from agent.state.conditions import FORGET_NS, Conditions, Round
from agent.state.track import BLIND_AFTER_NS, Moment, Track

S = 10**9
TRUE, FALSE, UNKNOWN = Verity.TRUE, Verity.FALSE, Verity.UNKNOWN


def kind(
    name: str,
    entity: EntityKind = EntityKind.NODE,
    *,
    after: float = 0.0,
    clear: float = 15.0,
    lasts: float | None = None,
    severity: Severity = Severity.WARNING,
) -> ConditionType:
    return ConditionType(
        name=name,
        severity=severity,
        entity=entity,
        fires_when="It is so.",
        what_to_do="Look.",
        sources=("kmsg",),
        raise_after_seconds=after,
        clear_after_seconds=clear,
        lasts_seconds=lasts,
    )


LEVEL = kind("Level")
HELD = kind("Held", after=5.0, clear=20.0)
OF_POD = kind("OfPod", EntityKind.CONTAINER, clear=15.0)
EVENT = kind("Event", EntityKind.CONTAINER, lasts=900.0, severity=Severity.CRITICAL)
NODE_EVENT = kind("NodeEvent", lasts=900.0)
KINDS = (LEVEL, HELD, OF_POD, EVENT, NODE_EVENT)
WEB = Container(namespace="shop", pod="web-0", pod_uid="u1", name="app", id="c1")
WEB_ENTITY = Entity(kind=EntityKind.CONTAINER, id="c1", names=WEB)


def found(
    of: ConditionType, *, reason: str = "So", message: str = "it is so", at: int | None = None
) -> Finding:
    return Finding(
        type=of.name,
        entity=NODE if of.entity is EntityKind.NODE else WEB_ENTITY,
        reason=reason,
        message=message,
        at_boottime_ns=at,
    )


class Node:
    """Rounds at given seconds of a boot that began at 1,000 s of wall time."""

    def __init__(self, *kinds: ConditionType, limit: int = 100, ttl: float | None = None) -> None:
        self.fold = Conditions(kinds, event_ttl_seconds=ttl, max_conditions=limit)
        self.told: list[ConditionChanged] = []

    def at(
        self,
        seconds: float,
        *findings: Finding,
        blind: Collection[ConditionType] = (),
        alive: Collection[str] | None = None,
    ) -> list[tuple[str, Verity]]:
        now = int(seconds * S)
        told = self.fold.judge(
            Round(
                now_boottime_ns=now,
                now_wall_ns=now + 1000 * S,
                findings=findings,
                blind={each.name: "kmsg is down: EIO" for each in blind},
                alive=alive,
            )
        )
        self.told += told
        return [(change.condition.type, change.condition.status) for change in told]

    def only(self, *statuses: Verity) -> Condition:
        [condition] = self.fold.select(statuses=statuses or (TRUE,))
        return condition


def test_true_at_once_and_false_after_a_while() -> None:
    """Without a hold it is True when it is found; False only when it was gone for long enough."""
    node = Node(LEVEL)
    assert node.at(10, found(LEVEL)) == [("Level", TRUE)]
    condition = node.only()
    assert (condition.since_boottime_ns, condition.since_wall_ns) == (10 * S, 1010 * S)
    assert node.at(11) == []
    assert node.at(25) == []
    assert node.at(26) == [("Level", FALSE)]
    assert node.only(FALSE).message == "was: it is so"
    assert node.only(FALSE).reason == "Cleared"


def test_held_before_it_is_true() -> None:
    """A break begins the hold anew."""
    node = Node(HELD)
    for second in (0, 4):
        assert node.at(second, found(HELD)) == []
    assert node.at(4.5) == []
    assert node.at(5, found(HELD)) == []
    assert node.at(9.9, found(HELD)) == []
    assert node.at(10, found(HELD)) == [("Held", TRUE)]


def test_message_is_refreshed_without_an_event() -> None:
    """Numbers change all the time; who watches events hears of the status and the reason."""
    node = Node(LEVEL)
    node.at(0, found(LEVEL, message="10 left"))
    assert node.at(1, found(LEVEL, message="9 left")) == []
    assert node.only().message == "9 left"
    assert node.only().revision == 1
    assert node.at(2, found(LEVEL, message="9 left", reason="Other")) == []
    assert node.at(15, found(LEVEL, message="8 left", reason="Other")) == [("Level", TRUE)]
    condition = node.only()
    assert (condition.reason, condition.message) == ("Other", "8 left")
    assert (condition.revision, condition.since_boottime_ns) == (2, 0)


def test_reasons_that_hold_besides() -> None:
    """One that comes or goes is told, as another reason is: not sooner than clearing takes."""
    node = Node(LEVEL)
    first = found(LEVEL)
    both = replace(first, message="it is so, and worse", also=("Worse",))
    assert node.at(0, first) == [("Level", TRUE)]
    assert node.at(1, both) == []
    assert node.at(14, both) == []
    assert node.at(15, both) == [("Level", TRUE)]
    assert node.only().message == both.message
    assert node.at(16, both) == []
    assert node.at(31, first) == [("Level", TRUE)]
    assert (node.only().message, node.only().revision) == ("it is so", 3)


def test_severity_that_rises_and_falls() -> None:
    """It is so at once, and told as another reason is: not sooner than clearing takes."""
    node = Node(LEVEL)
    mild = found(LEVEL)
    grave = replace(mild, severity=Severity.CRITICAL)
    assert node.at(0, mild) == [("Level", TRUE)]
    assert node.at(1, grave) == []
    assert (node.only().severity, node.only().revision) == (Severity.CRITICAL, 1)
    assert node.at(14, grave) == []
    assert node.at(15, grave) == [("Level", TRUE)]
    assert (node.told[-1].condition.severity, node.told[-1].previous) == (Severity.CRITICAL, TRUE)
    assert (node.only().since_boottime_ns, node.only().revision) == (0, 2)
    assert node.at(16, mild) == node.at(17, grave) == node.at(40, grave) == []
    assert node.at(41, mild) == [("Level", TRUE)]
    assert node.told[-1].condition.severity is Severity.WARNING
    assert node.at(100, mild) == []


def test_severity_of_an_event() -> None:
    """It is told though the finding stays the same; and not again after a restart."""
    node = Node(EVENT)
    mild = replace(found(EVENT, at=0), severity=Severity.INFO)
    grave = found(EVENT, at=S)
    assert node.at(1, mild) == [("Event", TRUE)]
    assert node.at(2, grave) == node.at(15, grave) == []
    assert node.at(16, grave) == [("Event", TRUE)]
    assert node.told[-1].condition.severity is Severity.CRITICAL
    after = Node(EVENT)
    after.fold.adopt([node.only()], 20 * S)
    assert after.at(21, grave) == after.at(60, grave) == []


def test_blind() -> None:
    """Unknown names the source and what was; seen again, it is what is found."""
    node = Node(LEVEL)
    node.at(0, found(LEVEL, message="EIO of sda"))
    assert node.at(1, blind=[LEVEL]) == []
    assert node.at(11, blind=[LEVEL]) == [("Level", UNKNOWN)]
    assert node.only(UNKNOWN).message == "kmsg is down: EIO; was: EIO of sda"
    assert node.only(UNKNOWN).reason == "SourceBlind"
    assert node.at(12, found(LEVEL)) == [("Level", TRUE)]
    node.at(13, blind=[LEVEL])
    assert node.at(23, blind=[LEVEL]) == [("Level", UNKNOWN)]
    assert node.at(24) == []
    assert node.at(39) == [("Level", FALSE)]


def test_what_was_never_true_can_be_unknown() -> None:
    """Of the node; and a type that is about containers as a whole, forgotten when it is over."""
    node = Node(LEVEL, OF_POD)
    node.at(0, blind=[LEVEL, OF_POD])
    assert node.fold.roll_up() == {"Level": UNKNOWN, "OfPod": UNKNOWN}
    assert node.at(10, blind=[LEVEL, OF_POD]) == [("Level", UNKNOWN), ("OfPod", UNKNOWN)]
    assert [c.entity for c in node.fold.select()] == [NODE, NODE]
    node.at(11)
    assert node.at(26) == [("Level", FALSE), ("OfPod", FALSE)]
    node.at(27 + FORGET_NS / S)
    assert [c.type for c in node.fold.select(statuses=tuple(Verity))] == ["Level"]


def test_a_source_that_blinks() -> None:
    """Shorter than the hold it changes nothing, and hides no recovery for ever."""
    node = Node(LEVEL)
    node.at(0, found(LEVEL))
    for second in range(1, 40):
        node.at(second, blind=[LEVEL] if second % 3 else ())
    assert [change.condition.status for change in node.told] == [TRUE, FALSE]


def test_event_lasts() -> None:
    """From the event on, not from when it was heard; a later one prolongs it."""
    node = Node(EVENT)
    assert node.at(100, found(EVENT, at=40 * S)) == [("Event", TRUE)]
    condition = node.only()
    assert (condition.since_boottime_ns, condition.since_wall_ns) == (40 * S, 1040 * S)
    assert condition.expires_boottime_ns == 940 * S
    assert condition.expires_wall_ns == 1940 * S
    assert node.at(500, found(EVENT, at=40 * S), found(EVENT, at=400 * S)) == []
    assert node.only().expires_boottime_ns == 1300 * S
    assert node.at(1299.9) == []
    assert node.at(1300) == [("Event", FALSE)]
    assert node.only(FALSE).reason == "Expired"
    assert node.at(1301, found(EVENT, at=400 * S)) == []


def test_a_finding_that_stands_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same finding of an event, round after round, costs nothing until it expires; another one
    in its place does.
    """
    steps: list[float] = []
    step = Track.step

    def counted(
        self: Track, finding: Finding | None, blind: str | None, now: Moment, ttl_ns: int | None
    ) -> Verity | None:
        steps.append(now.boottime_ns / S)
        return step(self, finding, blind, now, ttl_ns)

    monkeypatch.setattr(Track, "step", counted)
    node = Node(EVENT)
    kill = found(EVENT, at=100 * S)
    assert node.at(101, kill) == [("Event", TRUE)]
    assert node.at(102, kill) == node.at(103, kill) == []
    assert steps == [101]
    later = found(EVENT, message="it is so again", at=103 * S)
    assert node.at(104, kill, later) == []
    assert node.at(1002, later) == []
    assert [each.message for each in node.fold.select()] == ["it is so again"]
    assert steps == [101, 104]
    assert node.at(1003, later) == [("Event", FALSE)]


def test_event_that_is_over_is_not_raised() -> None:
    """The ledger holds an hour; the condition does not."""
    node = Node(EVENT)
    assert node.at(1000, found(EVENT, at=100 * S)) == []
    assert node.fold.select(statuses=tuple(Verity)) == []


def test_event_outlives_blindness() -> None:
    """It did happen. Only the type as a whole is Unknown: another could happen unseen."""
    node = Node(EVENT, NODE_EVENT)
    both = (found(EVENT, at=0), found(NODE_EVENT, at=0))
    node.at(0, *both)
    node.at(1, *both, blind=KINDS)
    assert node.at(11, *both, blind=KINDS) == [("Event", UNKNOWN)]
    assert node.fold.roll_up() == {"Event": TRUE, "NodeEvent": TRUE}
    assert ("NodeEvent", FALSE) in node.at(900, blind=KINDS)
    node.at(901, blind=KINDS)
    assert ("NodeEvent", UNKNOWN) in node.at(911, blind=KINDS)


def test_ttl_of_the_settings() -> None:
    """conditions.event_ttl goes before the catalogue, for events only."""
    node = Node(EVENT, LEVEL, ttl=3.0)
    node.at(0, found(EVENT, at=0), found(LEVEL))
    assert node.at(3, found(LEVEL)) == [("Event", FALSE)]


def test_gone_with_its_container() -> None:
    """What is not there needs nobody to see it: it clears, blind or not, and is forgotten."""
    node = Node(OF_POD)
    node.at(0, found(OF_POD), alive={"c1"})
    node.at(1, blind=[OF_POD], alive={"c1"})
    assert node.at(12, blind=[OF_POD], alive={"c1"}) == [("OfPod", UNKNOWN), ("OfPod", UNKNOWN)]
    node.at(13, blind=[OF_POD], alive=())
    assert node.at(28, blind=[OF_POD], alive=()) == [("OfPod", FALSE)]
    node.at(29 + FORGET_NS / S, blind=[OF_POD], alive=())
    assert [c.entity for c in node.fold.select(statuses=tuple(Verity))] == [NODE]


def test_bounded() -> None:
    """What has no room is counted; what is False makes room."""
    node = Node(OF_POD, limit=2)

    def of(number: int) -> Finding:
        entity = Entity(kind=EntityKind.CONTAINER, id=f"c{number}", names=WEB)
        return Finding(type="OfPod", entity=entity, reason="So", message="so")

    node.at(0, of(1), of(2), of(3))
    assert (len(node.fold.select()), node.fold.left_out) == (2, 1)
    node.at(1, of(2), of(3))
    assert node.at(16, of(2), of(3)) == [("OfPod", FALSE)]
    assert node.at(17, of(2), of(3)) == [("OfPod", TRUE)]
    assert node.fold.left_out == 0


def test_the_worst_first_and_filters() -> None:
    """True before Unknown, then by severity, then the oldest."""
    node = Node(*KINDS)
    node.at(0, found(LEVEL), blind=[HELD])
    node.at(10, found(LEVEL), found(EVENT, at=5 * S), blind=[HELD])
    fold = node.fold
    assert [c.type for c in fold.select()] == ["Event", "Level", "Held"]
    assert [c.type for c in fold.select(types=["Level"])] == ["Level"]
    assert [c.type for c in fold.select(severities=[Severity.CRITICAL])] == ["Event"]
    assert [c.type for c in fold.select(pod="u1")] == ["Event"]
    assert [c.type for c in fold.select(namespace="shop", pod="web-0")] == ["Event"]
    assert fold.select(namespace="other") == []


@pytest.mark.parametrize("finds", [True, False], ids=["still so", "over"])
def test_restart(finds: bool) -> None:
    """What was True stays True with its `since`, until it is judged anew with all its holds."""
    before = Node(*KINDS)
    before.at(0, found(LEVEL), found(EVENT, at=0))
    after = Node(*KINDS)
    after.fold.adopt([change.condition for change in before.told], 100 * S)
    again = [found(LEVEL), found(EVENT, at=0)] if finds else []
    for second in (101, 110, 130, 144):
        assert after.at(second, *again) == []
    assert {c.since_boottime_ns for c in after.fold.select()} == {0}
    assert after.at(145, *again) == ([] if finds else [("Level", FALSE)])
    assert after.at(900, *again[:1])[-1:] == [("Event", FALSE)]


def test_restart_forgets_what_is_over() -> None:
    """False conditions and types that this version does not know are not taken over."""
    before = Node(LEVEL, HELD)
    before.at(0, found(LEVEL))
    before.at(1)
    before.at(20)
    after = Node(HELD)
    after.fold.adopt([change.condition for change in before.told], 30 * S)
    assert after.fold.select(statuses=tuple(Verity)) == []


def test_found_while_a_source_is_blind() -> None:
    """Another one has found it all the same: until it is gone for long enough, it is not over."""
    node = Node(LEVEL)
    node.at(0.5, found(LEVEL, reason="B"))
    for second in (1, 10):
        assert not node.at(second)
    node.at(14, found(LEVEL, reason="B"), blind=[LEVEL])
    assert not node.at(19)
    assert not node.at(33)
    assert node.at(34) == [("Level", FALSE)]


Step = tuple[float, set[ConditionType], set[ConditionType], str, Severity | None]
_steps = st.lists(
    st.tuples(
        st.sampled_from([0.5, 1.0, 4.0, 9.0, 16.0]),  # until the next round
        st.sets(st.sampled_from(KINDS)),  # found, levels now and events at this very time
        st.sets(st.sampled_from(KINDS)),  # blind
        st.sampled_from(["A", "B"]),  # reason
        st.sampled_from([None, Severity.INFO]),
    ),
    max_size=60,
)


def _shortest_hold_ns(of: ConditionType) -> int:
    holds = [BLIND_AFTER_NS, int(of.clear_after_seconds * S)]
    return min(holds)


@given(_steps)
def test_never_faster_than_its_holds(steps: list[Step]) -> None:
    """Whatever is found and whoever is blind: the same status or reason of one condition is never
    told twice within its shortest hold, and each True has a finding within its time.
    """
    node = Node(*KINDS)
    kinds = {each.name: each for each in KINDS}
    now = 1000.0
    last_found: dict[str, int] = {}
    told: dict[tuple[object, ...], int] = {}
    for wait, finds, blind, reason, severity in steps:
        now += wait
        at = int(now * S)
        for each in finds:
            last_found[each.name] = at
        before = len(node.told)
        findings = (replace(found(each, reason=reason, at=at), severity=severity) for each in finds)
        node.at(now, *findings, blind=blind)
        for change in node.told[before:]:
            condition = change.condition
            what = (*condition.key, condition.status, condition.reason)
            hold = _shortest_hold_ns(kinds[condition.type])
            assert at - told.get(what, -hold) >= hold
            told[what] = at
        for condition in node.fold.select(statuses=(TRUE,)):
            of = kinds[condition.type]
            age = at - last_found[condition.type]
            if of.lasts_seconds is not None:
                assert age < of.lasts_seconds * S
            else:
                # at the next round after the hold, with a source that blinks in between
                assert age <= of.clear_after_seconds * S + 2 * BLIND_AFTER_NS + 3 * 16 * S
        assert set(node.fold.roll_up()) == set(kinds)
