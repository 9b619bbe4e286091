"""Names from where the kubelet keeps the logs: the last resort, and good for the dead too

    /var/log/pods/<namespace>_<pod>_<uid>/<container>/0.log
    /var/log/containers/<pod>_<namespace>_<container>-<container id>.log -> ../pods/...

The links exist only for containers that write a log, and the kubelet cuts their names at 255 bytes,
which is somewhere in the id. On a disk: a read may hang, so it belongs in a worker.

https://kubernetes.io/docs/concepts/cluster-administration/logging/
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from agent.host.absence import SourceAbsent
from agent.model.absence import Absence
from agent.parse.pod_log_path import PodLogDirectory, parse_pod_log_directory

_LIMIT = 20_000
"""Entries of one directory. The kubelet's default is 110 pods a node; dead ones may pile up."""
_LINK = re.compile(
    r"([a-z0-9][a-z0-9.-]*)_([a-z0-9][a-z0-9-]*)_([a-z0-9][a-z0-9-]*)-([0-9a-f]{12,64})\.log"
)
_NAME_MAX = 255


class PodLogNames(Struct, frozen=True, kw_only=True):
    """What the log directories tell of a pod, and perhaps of its only container."""

    namespace: str
    pod: str
    container: str = ""  # empty: they do not tell
    certain: bool = False  # the container's name was found by its id, not by being the only one


def find_pod(pod_logs: Path, pod_uid: str, container_id: str = "") -> PodLogNames | None:
    """The names of the pod with this uid, and of one of its containers; None: no such directory.

    A container is known by its id through the links in the directory `containers` beside
    `pod_logs`; failing that, a pod's only container is named, which a caller must not believe of a
    sandbox. Raises SourceAbsent; FAILED when a directory has more entries than we read.
    """
    found = _pod_directory(pod_logs, pod_uid)
    if found is None:
        return None
    name, pod = found
    linked = _linked_name(pod_logs.parent / "containers", pod, container_id)
    return PodLogNames(
        namespace=pod.namespace,
        pod=pod.pod,
        container=linked or _only_directory(pod_logs / name),
        certain=linked != "",
    )


def _pod_directory(pod_logs: Path, pod_uid: str) -> tuple[str, PodLogDirectory] | None:
    suffix = f"_{pod_uid}"
    for entry in _entries(pod_logs):
        if entry.name.endswith(suffix):
            pod = parse_pod_log_directory(entry.name)
            if pod is not None and pod.pod_uid == pod_uid:
                return entry.name, pod
    return None


def _linked_name(links: Path, pod: PodLogDirectory, container_id: str) -> str:
    """The container's name by its id; empty if there is no link."""
    if not container_id:
        return ""
    prefix = f"{pod.pod}_{pod.namespace}_"
    try:
        for entry in _entries(links):
            match = _LINK.fullmatch(entry.name) if entry.name.startswith(prefix) else None
            if match is not None and (
                match[4] == container_id
                or (len(entry.name) == _NAME_MAX and container_id.startswith(match[4]))
            ):
                return match[3]
    except SourceAbsent as error:
        if error.absent.absence is not Absence.VANISHED:
            raise
    return ""


def _only_directory(directory: Path) -> str:
    """The name of the only directory in it; empty if there are none or several."""
    try:
        names = [e.name for e in _entries(directory) if e.is_dir(follow_symlinks=False)]
    except SourceAbsent as error:
        if error.absent.absence is not Absence.VANISHED:
            raise
        return ""
    except OSError as error:  # is_dir asks the disk where the directory does not tell the type
        raise SourceAbsent.of(error, directory) from error
    return names[0] if len(names) == 1 else ""


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            for number, entry in enumerate(entries):
                if number == _LIMIT:
                    raise SourceAbsent(
                        Absence.FAILED, f"{directory}: more than {_LIMIT} entries; not read further"
                    )
                yield entry
    except OSError as error:
        raise SourceAbsent.of(error, directory) from error
