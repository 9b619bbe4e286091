"""What this node's kubelet is and which thresholds it has; read in a worker, for all may hang."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeVar

from msgspec import Struct

from agent.derive.eviction_thresholds import eviction_thresholds
from agent.derive.root_usage import deciding_library
from agent.host.absence import SourceAbsent
from agent.host.kubelet import USUAL_CONFIGS, KubeletFinder
from agent.model.absence import Absence, ParseError
from agent.model.memory import KubeletFacts
from agent.parse.kubelet_config import KubeletConfig
from agent.parse.kubelet_flags import KubeletFlags

T = TypeVar("T")

DEFAULT_ROOT = "/var/lib/kubelet"
DEFAULT_HEALTHZ_PORT = 10248


class _Findings(Struct):
    files: list[tuple[str, KubeletConfig]]
    problems: list[str]


def read_kubelet_facts(
    finder: KubeletFinder, *, known_pid: int | None, config: str, root_directory: str
) -> KubeletFacts:
    """`config` and `root_directory` are the agent's settings; empty: as the kubelet says.

    What cannot be read is told in `problems`. Raises SourceAbsent if procfs is gone.
    """
    found = _Findings([], [])
    pid = finder.find(known_pid)
    flags, version, library = KubeletFlags(), "", ""
    if pid is not None:
        flags = _try(found, "its command line", lambda: finder.flags(pid)) or flags
        build = _try(found, "its program", lambda: finder.build_info(pid))
        if build is not None:
            version, library = build.git_version, deciding_library(build.versions)
    why = _read_files(finder, pid, flags, config, found)
    thresholds = eviction_thresholds(found.files, flags, why)
    return KubeletFacts(
        pid=pid,
        found=f"process {pid}" if pid is not None else "no process named kubelet",
        config=", ".join(path for path, _ in found.files),
        root_directory=root_directory or flags.root_dir or DEFAULT_ROOT,
        version=version,
        healthz_address=_healthz_address(flags, found),
        healthz_port=_healthz_port(flags, found),
        library=library,
        thresholds=thresholds.thresholds,
        problems=(*found.problems, *thresholds.problems),
    )


def _healthz_address(flags: KubeletFlags, found: _Findings) -> str:
    """Where it is asked: one that listens on all addresses is asked on loopback."""
    said = [file.healthz_bind_address for _, file in found.files]
    last = next((each for each in (flags.healthz_bind_address, *reversed(said)) if each), "")
    try:
        ip_address(last)
    except ValueError:  # the kubelet takes numbers alone; and nobody is to be asked for a name
        return "127.0.0.1"
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(last, last)


def _healthz_port(flags: KubeletFlags, found: _Findings) -> int:
    said = [file.healthz_port for _, file in found.files]
    given = (flags.healthz_port, *reversed(said))
    return next((port for port in given if port is not None), DEFAULT_HEALTHZ_PORT)


def _read_files(
    finder: KubeletFinder, pid: int | None, flags: KubeletFlags, config: str, found: _Findings
) -> str:
    """Read the configuration and its drop-ins. Returns why there may be nothing but defaults."""
    path = config or flags.config
    if path:
        if not _read(finder, pid, path, found):
            return f"{path} cannot be read"
    elif pid is None and not _read_usual(finder, found):
        return "no kubelet runs, and no configuration is at the usual places"
    elif pid is not None and flags.config_dir is None:
        return "the kubelet runs without --config"
    if flags.config_dir:
        directory = flags.config_dir
        for drop_in in _try(found, directory, lambda: finder.drop_ins(directory, pid)) or ():
            _read(finder, pid, drop_in, found)
    return "evictionHard is not set in " + (
        ", ".join(path for path, _ in found.files) or "any file"
    )


def _read_usual(finder: KubeletFinder, found: _Findings) -> bool:
    for path in USUAL_CONFIGS:
        try:
            found.files.append((path, finder.config(path, None)))
            return True
        except SourceAbsent as error:
            if error.absent.absence is not Absence.VANISHED:
                found.problems.append(error.absent.detail)
        except ParseError as error:
            found.problems.append(f"{path}: {error}")
    return False


def _read(finder: KubeletFinder, pid: int | None, path: str, found: _Findings) -> bool:
    file = _try(found, path, lambda: finder.config(path, pid))
    if file is not None:
        found.files.append((path, file))
    return file is not None


def _try(found: _Findings, what: str, read: Callable[[], T]) -> T | None:
    try:
        return read()
    except SourceAbsent as error:
        found.problems.append(error.absent.detail)
    except ParseError as error:
        found.problems.append(f"{what}: {error}")
    return None
