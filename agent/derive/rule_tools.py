"""What programs for packet filters do, from two looks at them: a pure fold.

One that sleeps, uses no CPU, and neither has nor waits for a lock waits for its input, as `nft
monitor` does for events: it holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from agent.model.plumbing import RuleTool, SeenTool

_POLLING = "nanosleep"
"""An older iptables sleeps between two tries for the lock (xtables_lock, iptables/xshared.c)."""


class RuleToolFold:
    """Remembers the CPU time of the last look."""

    def __init__(self) -> None:
        self._ticks: dict[tuple[int, int], int] = {}

    def take(
        self, seen: Iterable[SeenTool], holders: Mapping[int, str], waiters: Collection[int]
    ) -> tuple[RuleTool, ...]:
        """One look; the oldest first. `holders` of the lock, by name, may be other programs."""
        tools = sorted(seen, key=lambda tool: (tool.start_boottime_ns, tool.pid))
        before = self._ticks
        self._ticks = {(tool.pid, tool.start_boottime_ns): tool.cpu_ticks for tool in tools}
        holder = next((f"{comm}[{pid}]" for pid, comm in holders.items()), "")
        found = []
        for tool in tools:
            holds = tool.pid in holders
            polls = _POLLING in tool.wchan and bool(holder) and "tables" in tool.comm
            for_lock = not holds and (tool.pid in waiters or polls)
            last = before.get((tool.pid, tool.start_boottime_ns))
            works = tool.state == "R" or (last is not None and tool.cpu_ticks > last)
            found.append(
                RuleTool(
                    pid=tool.pid,
                    comm=tool.comm,
                    start_boottime_ns=tool.start_boottime_ns,
                    state=tool.state,
                    wchan=tool.wchan,
                    holds=holds,
                    waits=for_lock or tool.state == "D",
                    holder=holder if for_lock else "",
                    idle=not (holds or for_lock or works or tool.state == "D"),
                )
            )
        return tuple(found)
