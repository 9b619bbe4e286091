"""Once a round: the detectors look at one scene, and what they find becomes conditions.

A part of the scene or a detector that fails is isolated: the conditions behind it become Unknown,
and its failure is on the board of sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from agent.detect.detector import Detector
from agent.detect.memo import Memo
from agent.detect.scene import Scene
from agent.engine.board import SourceBoard
from agent.engine.guard import Guard
from agent.host.clock import Clock
from agent.model.condition import Finding
from agent.model.event import ConditionChanged
from agent.state.conditions import Conditions, Round

CONDITIONS = "conditions"
"""The name under which a failure of the fold is published."""

SCENE_SECONDS = 3600.0
"""How far back a scene reaches."""
MAX_INCIDENTS = 1000
"""Of one scene; in a storm the newest."""

MAX_DEATHS = 2000
"""The same."""

Look = Callable[[Scene], Scene]
"""Adds to the scene what one part of the agent knows; must not block."""


class Judge:
    """`round` after everything else of a tick has been read."""

    def __init__(
        self,
        *,
        clock: Clock,
        board: SourceBoard,
        guard: Guard,
        detectors: Iterable[Detector],
        conditions: Conditions,
        tell: Callable[[Sequence[ConditionChanged]], None],
    ) -> None:
        self._clock = clock
        self._board = board
        self._guard = guard
        self._detectors = tuple(detectors)
        self._conditions = conditions
        self._tell = tell
        self._looks: list[tuple[str, Look]] = []
        self._memo = Memo()

    def sees(self, source: str, look: Look) -> None:
        """Have each scene pass through `look`. If that raises, `source` is down on the board."""
        self._looks.append((source, look))

    def round(self) -> None:
        """One pass over what exists."""
        self._guard.call(CONDITIONS, self._round)

    def _round(self) -> None:
        scene = Scene(
            now_boottime_ns=self._clock.boottime_ns(),
            now_wall_ns=self._clock.wall_ns(),
            memo=self._memo,
        )
        for source, look in self._looks:
            seen = self._guard.call(source, partial(look, scene))
            scene = scene if seen is None else seen
        findings: list[Finding] = []
        blind: dict[str, str] = {}
        for detector in self._detectors:
            kind = detector.condition
            why = self._board.why_blind(kind.sources)
            found = self._guard.call(f"detector {kind.name}", partial(_find, detector, scene))
            if found is None:
                why = "its detector failed, which is a bug: the agent's log has it"
            else:
                findings += found[0]
                why = why or found[1] or None
            if why is not None:
                blind[kind.name] = why
        changed = self._conditions.judge(
            Round(
                now_boottime_ns=scene.now_boottime_ns,
                now_wall_ns=scene.now_wall_ns,
                findings=findings,
                blind=blind,
                alive=_alive(scene),
            )
        )
        if changed:
            self._tell(changed)


def _find(detector: Detector, scene: Scene) -> tuple[list[Finding], str]:
    """What it finds; if that is nothing, why it cannot know."""
    found = list(detector.detect(scene))
    for finding in found:
        if finding.type != detector.condition.name:
            raise ValueError(f"a finding of {detector.condition.name} says {finding.type}")
    return found, "" if found else detector.unknown(scene)


def _alive(scene: Scene) -> frozenset[str]:
    pods = (pod.names.pod_uid for pod in scene.pods)
    return frozenset((*(container.names.id for container in scene.containers), *pods))
