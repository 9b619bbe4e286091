"""/sys/module and modules.builtin: whether the kernel has a module now

    /sys/module/nf_tables/                     it is loaded, or built in and has parameters
    /lib/modules/6.6.1/modules.builtin         kernel/net/netfilter/nf_tables.ko

A question to one that is neither loaded nor built in can load it.

https://docs.kernel.org/kbuild/kbuild.html
"""

from __future__ import annotations

import functools
from pathlib import Path

from agent.host.absence import SourceAbsent
from agent.host.files import read_file
from agent.host.root import HostRoot


def has_module(root: HostRoot, name: str) -> bool:
    """Whether it is loaded or built in, as far as the host tells. For a worker: it may be on disk.

    `name` is spelled with underscores.
    """
    return (root.sys / "module" / name).exists() or name in _built_in(root)


def _built_in(root: HostRoot) -> frozenset[str]:
    try:
        release = read_file(root.proc / "sys/kernel/osrelease").decode("ascii", "replace").strip()
    except SourceAbsent:
        return frozenset()
    # A container sees the host's through the root directory of its first process.
    for top in (root.root, root.proc / "1/root"):
        try:
            return _listed(top / "lib/modules" / release / "modules.builtin")
        except SourceAbsent:
            continue
    return frozenset()


@functools.cache
def _listed(path: Path) -> frozenset[str]:
    """It stays the same while this kernel runs. Raises SourceAbsent, which is not kept."""
    lines = read_file(path).decode("ascii", "replace").splitlines()
    return frozenset(Path(line).name.partition(".ko")[0].replace("-", "_") for line in lines)
