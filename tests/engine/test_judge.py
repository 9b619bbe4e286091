"""One round: a scene, the detectors, the fold, and what is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from agent.detect.detector import Detector
from agent.detect.scene import Scene
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.engine.judge import Judge
from agent.host.absence import SourceAbsent
from agent.model.absence import Absence
from agent.model.condition import NODE, ConditionType, EntityKind, Finding, Severity, Verity
from agent.model.event import ConditionChanged
from agent.state.conditions import Conditions


def kind(name: str, *sources: str) -> ConditionType:
    return ConditionType(
        name=name,
        severity=Severity.WARNING,
        entity=EntityKind.NODE,
        fires_when="It is so.",
        what_to_do="Look.",
        sources=sources,
    )


class FakeClock:
    def __init__(self) -> None:
        self.seconds = 100

    def boottime_ns(self) -> int:
        return self.seconds * 10**9

    def suspended_ns(self) -> int:
        return 0

    def wall_ns(self) -> int:
        return (self.seconds + 10**9) * 10**9


class World:
    """Two detectors: of wall time (always found), and one that is told what to say."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.board = SourceBoard(self.clock)
        self.guard = Guard(self.board)
        self.says: list[Finding] | Exception = []
        self.cannot = ""
        self.scenes: list[Scene] = []
        self.told: list[tuple[str, Verity]] = []
        kinds = kind("Always"), kind("Sometimes", "kmsg|trace")
        self.conditions = Conditions(kinds)
        self.judge = Judge(
            clock=self.clock,
            board=self.board,
            guard=self.guard,
            detectors=(
                Detector(condition=kinds[0], detect=self.always),
                Detector(condition=kinds[1], detect=self.sometimes, unknown=lambda _: self.cannot),
            ),
            conditions=self.conditions,
            tell=self.tell,
        )

    def always(self, scene: Scene) -> Iterable[Finding]:
        self.scenes.append(scene)
        yield finding("Always")

    def sometimes(self, scene: Scene) -> Iterable[Finding]:
        if isinstance(self.says, Exception):
            raise self.says
        yield from self.says

    def tell(self, changes: Sequence[ConditionChanged]) -> None:
        self.told += [(change.condition.type, change.condition.status) for change in changes]

    def round(self, after: int = 1) -> list[tuple[str, Verity]]:
        self.clock.seconds += after
        self.told = []
        self.judge.round()
        self.guard.judge()
        return self.told


def finding(name: str) -> Finding:
    return Finding(type=name, entity=NODE, reason="So", message="it is so")


def test_what_is_found_is_told_once() -> None:
    world = World()
    world.board.up("kmsg")
    assert world.round() == [("Always", Verity.TRUE)]
    assert world.round() == []
    world.says = [finding("Sometimes")]
    assert world.round() == [("Sometimes", Verity.TRUE)]


def test_parts_add_to_the_scene() -> None:
    """Each sees what those before it have added."""
    world = World()
    world.judge.sees("vmstat", lambda scene: replace(scene, sources=world.board.health()))
    world.judge.sees("cri", lambda scene: replace(scene, sources=scene.sources[:1]))
    world.round()
    assert len(world.scenes[0].sources) == 1


def test_what_was_said_is_kept_by_who_runs_the_detectors() -> None:
    """From round to round; another judge has a memo of its own."""
    one, other = World(), World()
    for world in (one, one, other):
        world.round()
    first, second = (scene.memo for scene in one.scenes)
    assert first is second
    assert other.scenes[0].memo is not first


def test_a_part_that_fails_is_down() -> None:
    """The others are seen; what it tells of is blind."""
    world = World()

    def fail(scene: Scene) -> Scene:
        raise SourceAbsent(Absence.FAILED, "EIO")

    world.board.up("kmsg")
    world.judge.sees("kmsg", fail)
    world.judge.sees("cri", lambda scene: replace(scene, sources=world.board.health()))
    world.round()
    assert world.scenes[0].sources
    assert world.round(after=10) == [("Sometimes", Verity.UNKNOWN)]
    [unknown] = world.conditions.select(statuses=(Verity.UNKNOWN,))
    assert unknown.message == "kmsg is down: EIO; trace is absent: not opened yet"


def test_what_nobody_can_know_is_unknown() -> None:
    """Although the sources see; what is found is so all the same."""
    world = World()
    world.board.up("kmsg")
    world.cannot = "its range is not known"
    world.round()
    assert world.round(after=10) == [("Sometimes", Verity.UNKNOWN)]
    [unknown] = world.conditions.select(statuses=(Verity.UNKNOWN,))
    assert unknown.message == "its range is not known"
    world.says = [finding("Sometimes")]
    assert world.round() == [("Sometimes", Verity.TRUE)]


def test_one_of_two_sources_is_enough() -> None:
    world = World()
    world.board.up("trace")
    world.round()
    assert world.round(after=20) == []


def test_a_detector_that_fails() -> None:
    """Its own condition is Unknown and says why, the others go on; then it recovers."""
    world = World()
    world.board.up("kmsg")
    world.says = ValueError("no")
    assert world.round() == [("Always", Verity.TRUE)]
    assert world.round(after=10) == [("Sometimes", Verity.UNKNOWN)]
    [unknown] = world.conditions.select(statuses=(Verity.UNKNOWN,))
    assert unknown.message.startswith("its detector failed")
    assert not world.board.is_up("detector Sometimes")
    world.says = []
    world.round()
    assert world.board.is_up("detector Sometimes")
    assert world.round(after=15) == [("Sometimes", Verity.FALSE)]


def test_a_detector_that_speaks_for_another() -> None:
    """A finding of a type that is not its own is a bug of the detector."""
    world = World()
    world.says = [finding("Always")]
    world.round()
    assert not world.board.is_up("detector Sometimes")
