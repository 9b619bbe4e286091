"""Samples the pressure of the node and of kubepods, and opens the kernel's triggers on it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.host.absence import SourceAbsent
from agent.host.pressure import NODE, PressureFiles
from agent.host.psi_trigger import PsiTrigger
from agent.model.absence import Absence, ParseError
from agent.model.cgroup import CgroupLevel
from agent.model.pressure import Level, Resource, Scope
from agent.observe.cgroups import may_hold_pods
from agent.parse.cgroup_path import place
from agent.parse.pressure import parse_pressure

NAME = "pressure"
TRIGGERED = (Scope.NODE, Scope.KUBEPODS)
_QOS = {"burstable": Scope.BURSTABLE, "besteffort": Scope.BESTEFFORT}


class PressureSampler:
    """Knows which cgroups are kubepods and its QoS groups."""

    def __init__(self, files: PressureFiles) -> None:
        self._files = files
        self._paths: dict[Scope, str] = {Scope.NODE: NODE}
        self.records = 0

    def path(self, scope: Scope) -> str | None:
        """The scope's cgroup; None while there is none."""
        return self._paths.get(scope)

    def look_for_groups(self) -> None:
        """Find kubepods, which appears when the kubelet starts, and its QoS groups."""
        if not self._files.has_groups:
            return
        for scope, path in self._groups("/"):
            self._paths.setdefault(scope, path)

    def sample(self) -> tuple[Level, ...]:
        """All that can be read now. Raises SourceAbsent and ParseError of the node's own; a cgroup
        that is gone is forgotten, one that does not parse is left out.
        """
        found = []
        for scope, path in list(self._paths.items()):
            try:
                for resource in Resource:
                    pressure = parse_pressure(self._files.read(path, resource))
                    found.append(Level(scope=scope, resource=resource, pressure=pressure))
                    self.records += 1
            except ParseError:
                if scope is Scope.NODE:
                    raise
            except SourceAbsent as error:
                if scope is Scope.NODE:
                    raise
                if error.absent.absence is Absence.VANISHED:
                    del self._paths[scope]
        return tuple(found)

    def arm(self, scope: Scope, resource: Resource, stall_us: int, window_us: int) -> PsiTrigger:
        """A trigger, the caller's to close. Raises SourceAbsent."""
        path = self._paths.get(scope)
        if path is None:
            if not self._files.has_groups:
                raise SourceAbsent(Absence.UNSUPPORTED, "cgroup v1 keeps no pressure of a cgroup")
            raise SourceAbsent(Absence.VANISHED, f"there is no cgroup of {scope.value}")
        return PsiTrigger(
            lambda flags: self._files.open(path, resource, flags),
            stall_us=stall_us,
            window_us=window_us,
        )

    def _groups(self, path: str) -> Iterator[tuple[Scope, str]]:
        try:
            children = self._files.children(path)
        except SourceAbsent:
            return  # gone meanwhile
        for child in children:
            where = place(child)
            if where.level is CgroupLevel.KUBEPODS:
                yield Scope.KUBEPODS, child
                yield from self._groups(child)
            elif where.level is CgroupLevel.QOS and where.qos in _QOS:
                yield _QOS[where.qos], child
            elif "kube" in child and may_hold_pods(child):
                yield from self._groups(child)
