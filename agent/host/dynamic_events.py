"""tracefs kprobe_events: probes of ours in the kernel's functions

    p:nodewitness/oom_kill_1f2e3d4c __oom_kill_process pid=+2416($arg1):s32 ...

A definition is global: every trace instance can record its event. Its name carries a hash of the
definition, so that agents of one version share it, and those of two versions each have their own.
One that an instance records cannot be removed (EBUSY); removing one that was recorded empties the
rings that it was recorded in (4313e5a61304, Linux 6.1).

https://docs.kernel.org/trace/kprobetrace.html
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
from collections.abc import Collection

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.host.tracefs import Tracefs
from agent.model.absence import Absence

GROUP = "nodewitness"
MAX_ARGUMENT = 63
"""MAX_ARGSTR_LEN, kernel/trace/trace_probe.h: of the text behind an argument's "name="."""

_FILE = "kprobe_events"
_LISTED = re.compile(rf"p:{GROUP}/[A-Za-z0-9_]{{1,63}} ")
_GONE = "it cannot be probed in this kernel, whose compiler left it out or twice in"
_REFUSALS = {
    errno.ENOENT: (Absence.UNSUPPORTED, _GONE),
    errno.EADDRNOTAVAIL: (Absence.UNSUPPORTED, _GONE),
    errno.EILSEQ: (Absence.UNSUPPORTED, _GONE),
    errno.EINVAL: (Absence.UNSUPPORTED, "this kernel refuses it; its tracefs error_log says why"),
    errno.EPERM: (Absence.DENIED, "needs CAP_SYS_ADMIN, and a kernel that is not locked down"),
}


class DynamicEvent(Struct, frozen=True, kw_only=True):
    """A probe at the entry of a function, and what it records: name=expression."""

    prefix: str  # of the event's name; the hash follows
    function: str
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The event's name within its group."""
        text = " ".join((self.function, *self.arguments))
        return self.prefix + hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def event(self) -> str:
        """As TraceInstance.enable takes it."""
        return f"{GROUP}/{self.name}"

    @property
    def definition(self) -> str:
        """As the kernel takes and lists it."""
        return " ".join((f"p:{self.event}", self.function, *self.arguments))


def define(tracefs: Tracefs, event: DynamicEvent) -> None:
    """Define it, unless an equal one is defined already. Raises SourceAbsent.

    UNSUPPORTED without CONFIG_KPROBE_EVENTS, where the function cannot be probed, or where this
    kernel does not know what is to be recorded.
    """
    if event.definition in definitions(tracefs):
        return
    try:
        tracefs.write(_FILE, event.definition.encode())
    except SourceAbsent as error:
        cause = error.__cause__
        number = (cause.errno if isinstance(cause, OSError) else None) or 0
        if number == errno.EEXIST and event.definition in definitions(tracefs):
            return  # another agent was quicker
        absence, reason = _REFUSALS.get(number, (error.absent.absence, error.absent.detail))
        raise SourceAbsent(absence, f"kprobe on {event.function}: {reason}") from error


def definitions(tracefs: Tracefs) -> list[str]:
    """The definitions of our group, as they were made. Raises SourceAbsent."""
    try:
        text = tracefs.read(_FILE).decode("ascii", "backslashreplace")
    except SourceAbsent as error:
        if error.absent.absence is Absence.VANISHED:
            raise SourceAbsent(
                Absence.UNSUPPORTED, "this kernel is built without CONFIG_KPROBE_EVENTS"
            ) from error
        raise
    return [line for line in text.splitlines() if _LISTED.match(line)]


def record(tracefs: Tracefs, instance: str, events: Collection[DynamicEvent]) -> None:
    """Have this trace instance record these, and of our group no others. Raises SourceAbsent.

    Others are of former versions: what they recorded stays readable as long as they are defined.
    """
    directory = f"instances/{instance}/events/{GROUP}"
    wanted = {event.name for event in events}
    for name in wanted:
        tracefs.write(f"{directory}/{name}/enable", b"1")
    for definition in definitions(tracefs):
        name = _name(definition)
        if name not in wanted:
            tracefs.write(f"{directory}/{name}/enable", b"0")


def is_recorded(tracefs: Tracefs, instance: str, event: DynamicEvent) -> bool:
    """Whether this trace instance records it. Raises SourceAbsent if there is no such thing."""
    enable = f"instances/{instance}/events/{event.event}/enable"
    return tracefs.read(enable).strip() == b"1"


def remove_unused(tracefs: Tracefs) -> list[str]:
    """Remove all definitions of our group that no instance records; returns their names.

    Only while no instance of ours holds events that are still wanted: see above. Raises
    SourceAbsent if they cannot be listed.
    """
    removed = []
    for line in definitions(tracefs):
        name = _name(line)
        with contextlib.suppress(SourceAbsent):
            tracefs.write(_FILE, f"-:{GROUP}/{name}".encode())
            removed.append(name)
    return removed


def _name(definition: str) -> str:
    return definition.removeprefix(f"p:{GROUP}/").partition(" ")[0]
