"""Conditions that come from the OOM ledger: each holds for a while after its event."""

from __future__ import annotations

from agent.model.condition import EVENT_LASTS_SECONDS, ConditionType, EntityKind, Severity

CONTAINER_OOM_KILLED = ConditionType(
    name="ContainerOOMKilled",
    severity=Severity.WARNING,
    entity=EntityKind.CONTAINER,
    fires_when="The kernel's OOM killer killed a process of a container: info after one kill at "
    "the container's own limit, a warning after several or at a limit that it shares with others.",
    what_to_do="`nodectl oom --pod POD` shows each kill and whose limit fired: raise that limit, "
    "or find what grows.",
    sources=("vmstat", "memory.events"),
    lasts_seconds=EVENT_LASTS_SECONDS,
)
HIDDEN_OOM_KILL = ConditionType(
    name="HiddenOOMKill",
    severity=Severity.CRITICAL,
    entity=EntityKind.CONTAINER,
    fires_when="The kernel's OOM killer killed a process of a container, and the container runs on "
    "without it: the kubelet shows it Running, and no restart.",
    what_to_do="Check that the container still does its work, restart it if not, and raise the "
    "limit that fired; `nodectl oom --hidden` names process and limit.",
    sources=("vmstat", "memory.events", "kmsg|trace"),
    lasts_seconds=EVENT_LASTS_SECONDS,
)
OOM_BOOKS_UNBALANCED = ConditionType(
    name="OOMBooksUnbalanced",
    severity=Severity.CRITICAL,
    entity=EntityKind.NODE,
    fires_when="The ledger has booked more OOM kills than the kernel has counted, or has left one "
    "pending for more than a minute.",
    what_to_do="Kills may be double, or one is missing: believe /proc/vmstat oom_kill, and report "
    "this as a bug of nodewitness with the output of `nodectl status -o json`.",
    sources=("vmstat",),
    raise_after_seconds=10.0,
)
OOM_KILLS_UNATTRIBUTED = ConditionType(
    name="OOMKillsUnattributed",
    severity=Severity.WARNING,
    entity=EntityKind.NODE,
    fires_when="The kernel counted an OOM kill since the agent first ran on this boot, and no "
    "evidence says whose it was.",
    what_to_do="`nodectl status` shows the books and the sources that were blind; `dmesg` may "
    "still hold what the agent could not read.",
    sources=("vmstat",),
    lasts_seconds=EVENT_LASTS_SECONDS,
)
RUNTIME_DISAGREES = ConditionType(
    name="RuntimeDisagrees",
    severity=Severity.WARNING,
    entity=EntityKind.CONTAINER,
    fires_when="The container runtime's last word on how a container ended contradicts what the "
    "kernel counted in it.",
    what_to_do="Believe the kernel: `nodectl oom --disagreements` shows both sides; what "
    "`kubectl describe pod` says of this container is wrong.",
    sources=("memory.events", "cri"),
    lasts_seconds=EVENT_LASTS_SECONDS,
)

TYPES = (
    CONTAINER_OOM_KILLED,
    HIDDEN_OOM_KILL,
    OOM_BOOKS_UNBALANCED,
    OOM_KILLS_UNATTRIBUTED,
    RUNTIME_DISAGREES,
)
