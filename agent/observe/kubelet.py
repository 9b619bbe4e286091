"""Samples the kubelet's process. Nothing here is for the event loop."""

from __future__ import annotations

from msgspec.structs import replace

from agent.host.absence import SourceAbsent
from agent.host.kubelet import KubeletFinder
from agent.host.runtime_process import RuntimeProcesses
from agent.host.tasks import TaskReader
from agent.model.absence import ParseError
from agent.model.runtime import DaemonProcess
from agent.observe.threads import blocked_threads


class KubeletSight:
    """Looks at one process."""

    def __init__(
        self, finder: KubeletFinder, processes: RuntimeProcesses, tasks: TaskReader
    ) -> None:
        self._finder = finder
        self._processes = processes
        self._tasks = tasks

    def look(self, known: int | None, *, search: bool, threads: bool) -> DaemonProcess | None:
        """The kubelet as it is; `known` is its pid at the last look. None: it is gone, or was not
        searched. With `threads` its blocked ones are looked for. Raises SourceAbsent if procfs
        cannot be listed.
        """
        process = self._process(known)
        if process is None and search:
            process = self._process(self._finder.find())
        if process is not None and threads:
            return replace(process, blocked=blocked_threads(self._tasks, process.key.pid))
        return process

    def _process(self, pid: int | None) -> DaemonProcess | None:
        if pid is None or not self._finder.is_kubelet(pid):
            return None
        try:
            return self._processes.daemon(pid)
        except (SourceAbsent, ParseError):
            return None
