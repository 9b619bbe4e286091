"""`nodewitness uninstall`: all that agents and drills of this project leave on a host.

In the kernel: trace instances, probes, scratch cgroups. In /run: the socket. On the disk: the state
directory, only when asked. What a living agent owns is left to it and said.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from agent.config import Settings
from agent.drill.kernel_hops import now_ns
from agent.drill.names import PREFIX, creator_of
from agent.engine.refusal import Refusal
from agent.host.absence import SourceAbsent
from agent.host.cgroup_fs import open_cgroup_fs
from agent.host.cgroup_namespace import join_host_cgroup_namespace
from agent.host.dynamic_events import remove_unused
from agent.host.root import HostRoot
from agent.host.scratch_cgroup import ScratchCgroup
from agent.host.trace_instance import list_instances
from agent.host.trace_ownership import remove_stale_instances
from agent.host.tracefs import Tracefs
from agent.observe.roster import TRACE_PREFIX
from agent.state.directory import LOCK, StateDirectory, StateLocked

OWNED = "another agent, that runs with another state directory, has it"


def uninstall(settings: Settings, *, with_state: bool) -> Iterator[str]:
    """Remove, and say each thing that was removed or left. Harmless when repeated.

    Raises Refusal, before anything is removed, while an agent runs on this state directory or
    answers on this socket.
    """
    path = settings.state.directory
    with contextlib.ExitStack() as stack:
        if path.exists():
            try:
                stack.enter_context(StateDirectory.open(path))
            except StateLocked as error:
                raise Refusal(_running(error)) from error
            except OSError as error:
                yield f"left     {path}: {error.strerror}"
        if _answers(settings.serve.socket):
            raise Refusal(f"an agent answers on {settings.serve.socket}: stop it first")
        host = settings.host
        root = HostRoot(proc=host.proc, sys=host.sys, run=host.run, root=host.root)
        with contextlib.suppress(SourceAbsent):  # then the cgroups are left, and said
            join_host_cgroup_namespace(root)
        yield from _tracing(root)
        yield from _scratch_cgroups(root)
        yield from _socket(settings.serve.socket)
        yield from _state(path, remove=with_state)


def _running(error: StateLocked) -> str:
    who = "an agent" if error.pid is None else f"an agent (pid {error.pid})"
    return f"{who} runs on {error.path}: stop it first, by SIGTERM or its service manager"


def _tracing(root: HostRoot) -> Iterator[str]:
    try:
        tracefs = Tracefs(root)
    except SourceAbsent as error:
        yield f"left     tracing alone: {error}"
        return
    with contextlib.closing(tracefs):
        try:
            for name in remove_stale_instances(tracefs, TRACE_PREFIX, ()):
                yield f"removed  trace instance {name}"
            left = list_instances(tracefs, TRACE_PREFIX)
        except SourceAbsent as error:
            yield f"left     trace instances and probes: {error}"
            return
        for name in left:
            yield f"left     trace instance {name}: {OWNED}"
        if left:  # removing a probe empties every ring that has ever recorded it
            yield "left     the probes: they go with the last trace instance"
            return
        with contextlib.suppress(SourceAbsent):  # a kernel that has no probes
            for name in remove_unused(tracefs):
                yield f"removed  probe {name}"


def _scratch_cgroups(root: HostRoot) -> Iterator[str]:
    try:
        fs = open_cgroup_fs(root)
    except SourceAbsent as error:
        yield f"left     scratch cgroups of drills: {error}"
        return
    with contextlib.closing(fs):
        for path, _ in fs.children("/"):
            creator = creator_of(path[1:]) if path.startswith(f"/{PREFIX}") else None
            if creator is None:
                continue
            if not creator.gone(now_ns()):
                yield f"left     cgroup {path}: a drill runs in it (pid {creator.pid})"
                continue
            try:
                ScratchCgroup(fs, path[1:]).remove()
            except SourceAbsent as error:
                yield f"left     cgroup {path}: {error}"
            else:
                yield f"removed  cgroup {path}"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asked:
        try:
            asked.connect(os.fspath(path))
        except BlockingIOError:
            return True  # its backlog is full
        except OSError:
            return False
    return True


def _socket(path: Path) -> Iterator[str]:
    """The socket of a dead agent, and its directory if nothing else is in it."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            yield f"left     {path}: no socket"
            return
        path.unlink()
        yield f"removed  {path}"
        with contextlib.suppress(OSError):  # shared with others
            path.parent.rmdir()
            yield f"removed  {path.parent}"
    except FileNotFoundError:
        return
    except OSError as error:
        yield f"left     {path}: {error.strerror}"


def _state(path: Path, *, remove: bool) -> Iterator[str]:
    if not path.exists():
        return
    if not remove:
        yield f"left     {path}: the journal; `nodewitness uninstall --state` removes it"
        return
    strangers = [
        name for name in os.listdir(path) if not (name.startswith("journal.db") or name == LOCK)
    ]
    if strangers:
        yield f"left     {path}: it holds what is not ours ({', '.join(sorted(strangers)[:3])})"
        return
    try:
        shutil.rmtree(path)
    except OSError as error:
        yield f"left     {path}: {error.strerror}"
    else:
        yield f"removed  {path}"
