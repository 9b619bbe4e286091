"""The directories of the CNI: configuration files in the order in which they load, and plugins

libcni takes the files that end in .conf, .conflist or .json and sorts them by name; containerd
loads the first one (max_conf_num = 1), and if that one is broken it loads none (loadFromConfDir,
containerd/go-cni). A plugin is a regular file that somebody may execute, in the first directory
that has it (invoke.FindInPath looks for regular files alone).

All of it lies on a disk: for a worker.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.root import HostRoot, below
from agent.model.absence import Absence, ParseError
from agent.model.cni import CNIConfig, CNIConfigFile, CNIPlaces, PluginFile
from agent.parse.cni_config import EXTENSIONS, parse_conf, parse_conflist
from agent.parse.names import printable

MAX_FILES = 64
COMM_BYTES = 15
"""TASK_COMM_LEN, include/linux/sched.h, without its zero."""
_FILE_LIMIT = 1 << 20


USUAL_DIRECTORY = Path("/etc/cni/net.d")
USUAL_BIN_DIRECTORIES = (Path("/opt/cni/bin"), Path("/usr/lib/cni"), Path("/usr/libexec/cni"))


class CNIDirectory:
    """Reads below the host's root; holds nothing open.

    The directories are those given, else those that the runtime has told, else the usual ones.
    """

    def __init__(
        self,
        root: HostRoot,
        directory: Path | None = None,
        bin_directories: tuple[Path, ...] = (),
    ) -> None:
        self._root = root.root
        self._given = directory, bin_directories
        self._directory = directory or USUAL_DIRECTORY
        self._bin_directories = bin_directories or USUAL_BIN_DIRECTORIES
        self._assumed = directory is None or not bin_directories

    def told(self, places: CNIPlaces) -> bool:
        """By the runtime; whether that changes anything. What it does not say stays as it was."""
        before = self._directory, self._bin_directories, self._assumed
        directory, bin_directories = self._given
        if directory is None and places.conf_dir:
            self._directory = Path(places.conf_dir)
        if not bin_directories and places.bin_dirs:
            self._bin_directories = tuple(map(Path, places.bin_dirs))
        if (directory or places.conf_dir) and (bin_directories or places.bin_dirs):
            self._assumed = False
        return before != (self._directory, self._bin_directories, self._assumed)

    def plugin_directories(self) -> tuple[str, ...]:
        """What is executed from there is a call."""
        return tuple(map(str, self._bin_directories))

    def watched(self) -> tuple[Path, ...]:
        """Where we reach the directories whose changes matter."""
        return tuple(self._at(path) for path in (self._directory, *self._bin_directories))

    def plugins(self) -> dict[str, str]:
        """The paths of all plugins, by the names that their processes have."""
        found: dict[str, str] = {}
        for directory in self._bin_directories:
            try:
                names = os.listdir(self._at(directory))
            except OSError:
                continue
            for name in names:
                comm = printable(os.fsencode(name)[:COMM_BYTES])
                found.setdefault(comm, f"{directory}/{printable(os.fsencode(name))}")
        return found

    def read(self, now_ns: int, *, watched: bool) -> CNIConfig:
        """What would load, and why not. Raises nothing of the host's."""
        absent = ""
        names: list[str] = []
        try:
            names = sorted(
                name for name in os.listdir(self._at(self._directory)) if name.endswith(EXTENSIONS)
            )
        except OSError as error:
            absent = SourceAbsent.of(error, self._directory).absent.detail
        return CNIConfig(
            boottime_ns=now_ns,
            directory=str(self._directory),
            bin_directories=tuple(map(str, self._bin_directories)),
            files=tuple(self._files(names[:MAX_FILES])),
            absent=absent,
            watched=watched,
            assumed=self._assumed,
        )

    def _files(self, names: Iterable[str]) -> Iterator[CNIConfigFile]:
        for rank, name in enumerate(names):
            path = f"{self._directory}/{printable(os.fsencode(name))}"
            try:
                data = read_file(self._at(self._directory / name), limit=_FILE_LIMIT)
                found = (parse_conflist if name.endswith(".conflist") else parse_conf)(data)
            except SourceAbsent as error:
                yield CNIConfigFile(path=path, problem=error.absent.detail)
            except ParseError as error:
                yield CNIConfigFile(path=path, problem=str(error))
            else:
                yield CNIConfigFile(
                    path=path,
                    loaded=rank == 0,
                    network=found.network,
                    version=found.version,
                    plugins=tuple(self._plugin(kind) for kind in found.types),
                )

    def _plugin(self, kind: str) -> PluginFile:
        if "/" in kind or kind in (".", ".."):
            return PluginFile(type=kind, problem="its type is no file name")
        for directory in self._bin_directories:
            try:
                found = os.stat(self._at(directory / kind))
            except OSError as error:
                why = SourceAbsent.of(error, directory / kind).absent
                if why.absence is not Absence.VANISHED:
                    return PluginFile(type=kind, problem=why.detail)
                continue
            if stat.S_ISREG(found.st_mode):
                path = str(directory / kind)
                executable = found.st_mode & 0o111
                problem = "" if executable else f"{path} is not executable (chmod +x)"
                return PluginFile(type=kind, path=path, problem=problem)
        looked = ", ".join(map(str, self._bin_directories))
        return PluginFile(type=kind, problem=f"no such file in {looked}")

    def _at(self, path: Path) -> Path:
        return below(self._root, path)
