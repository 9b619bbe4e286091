"""Runs in the guest: the agent's own watchers of exits and signals, and its book of deaths.

Prints "ready", then one JSON line for every exit that becomes known, with the signals before it.
"""

import json
import select
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import to_builtins

from agent.config import Settings
from agent.host.boot import read_boot_facts
from agent.host.cgroup_fs import open_cgroup_fs
from agent.host.clock import HostClock
from agent.host.oom_probe import OOMProbes
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.ledger.deaths import DeathBook
from agent.model.evidence import ExitSeen, Observation, SignalSeen
from agent.observe.roster import Roster, Watcher

NAMES = ("signals", "connector")  # the signal is sent before the exit, and read before it


def main() -> None:
    """Until it is killed."""
    root = HostRoot.at(Path("/"))
    fs = open_cgroup_fs(root)
    roster = Roster(
        settings=Settings(),
        root=root,
        fs=fs,
        proc=ProcReader(root),
        clock=HostClock(),
        trace_name="nodewitness-lab-deaths",
        possible_cpus=read_boot_facts(root).possible_cpus,
        probes=OOMProbes(root, fs.mode),
        plugin_directories=tuple,
    )
    openings = {opening.name: opening for opening in roster.watchers()}
    watchers = [openings[name].open() for name in NAMES]
    book = DeathBook()
    with select.epoll() as epoll:
        for watcher in watchers:
            epoll.register(watcher.fileno() or -1, select.EPOLLIN)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            epoll.poll()
            for item in (item for watcher in watchers for item in everything(watcher)):
                if isinstance(item, SignalSeen):
                    book.sent(item.sent)
                elif isinstance(item, ExitSeen):
                    book.ended(item.exit)
                    death = book.death(item.exit.pid, item.exit.boottime_ns)
                    assert death is not None
                    sys.stdout.write(json.dumps(to_builtins(death)) + "\n")
            sys.stdout.flush()
            for watcher in watchers:
                watcher.tick()


def everything(watcher: Watcher) -> Iterator[Observation]:
    """All that it can be told now: of a busy ring one read is not all, and what is left there until
    the exit has been heard comes too late for it.
    """
    more = True
    while more:
        items, more = watcher.observe()
        yield from items


if __name__ == "__main__":
    main()
