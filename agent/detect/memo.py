"""What the detectors have said of incidents, in words that are made once for each revision.

A detector is asked each second for all of the last hour: after a storm that would be the same words
for hundreds of kills, again and again. What is not asked for any more is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from agent.model.condition import ConditionType, Finding
from agent.model.oom import Container, OOMIncident

T = TypeVar("T")
_Made = tuple[OOMIncident, object, Finding]


class Memo:
    """Of whoever runs the detectors, again and again: a scene that has another one knows nothing of
    it.
    """

    def __init__(self) -> None:
        self._made: dict[str, dict[str, _Made]] = {}

    def findings(
        self,
        kind: ConditionType,
        make: Callable[[OOMIncident, Container, T], Finding],
        asked: Iterable[tuple[OOMIncident, Container, T]],
    ) -> Iterator[Finding]:
        """The finding of each incident, with its container and what else counts; the very same
        object as the last time if nothing has changed. `make` is pure.
        """
        former = self._made.get(kind.name, {})
        now = self._made[kind.name] = {}
        for incident, container, beside in asked:
            made = former.get(incident.id)
            if made is None or made[0] is not incident or made[1] != beside:
                made = incident, beside, make(incident, container, beside)
            now[incident.id] = made
            yield made[2]
