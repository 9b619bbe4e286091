"""How long a kill waits for the names of whom it hit."""

from __future__ import annotations

from agent.model.oom import OOMIncident

NAMES_NS = 30_000_000_000
"""Then it counts under those that are known. A busy runtime answers late, and a counter never
changes its labels.
"""


def lacks_pod(incident: OOMIncident) -> bool:
    """Whether it was in a pod that nobody has named yet."""
    return incident.container is not None and not incident.container.pod_named


def lacks_names(incident: OOMIncident) -> bool:
    """Whether names are missing that its series is to have; a drill has none."""
    container = incident.container
    if container is None or incident.drill:
        return False
    return lacks_pod(incident) or not (container.name or not container.id)
