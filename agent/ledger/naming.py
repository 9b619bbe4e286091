"""How long a kill waits for the names of whom it hit."""

from __future__ import annotations

from agent.model.oom import OOMIncident

NAMES_NS = 30_000_000_000
"""Then it counts under those that are known. A busy runtime answers late, and a counter never
changes its labels.
"""
RESTARTED_NS = 10_000_000_000
"""An agent that comes back later than that asks the runtime first."""


def awaited_until_ns(killed_ns: int, started_ns: int) -> int:
    """Until when the names of who was killed then are awaited, by an agent that has started then:
    CLOCK_BOOTTIME. One that does not live for long does not put it off for ever.
    """
    return max(killed_ns + NAMES_NS, started_ns + RESTARTED_NS)


def lacks_pod(incident: OOMIncident) -> bool:
    """Whether it was in a pod that nobody has named yet."""
    return incident.container is not None and not incident.container.pod_named


def lacks_names(incident: OOMIncident) -> bool:
    """Whether names are missing that its series is to have; a drill has none."""
    container = incident.container
    if container is None or incident.drill:
        return False
    return lacks_pod(incident) or not (container.name or not container.id)
