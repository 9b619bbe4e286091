"""agent.host.modules on made-up hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.host.modules import has_module
from agent.host.root import HostRoot

BUILTIN = """\
kernel/net/netfilter/nf_tables.ko
kernel/net/netfilter/nf-conntrack-netlink.ko.xz
"""


def host(top: Path, **files: str) -> HostRoot:
    """With a kernel 6.6.1, and these files."""
    release = top / "proc/sys/kernel/osrelease"
    release.parent.mkdir(parents=True)
    release.write_text("6.6.1-edge\n")
    for where, text in files.items():
        path = top / where.replace("_", "/") / "lib/modules/6.6.1-edge/modules.builtin"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return HostRoot.at(top)


def test_loaded(tmp_path: Path) -> None:
    """Or built in with parameters."""
    root = host(tmp_path)
    assert not has_module(root, "nf_tables")
    (tmp_path / "sys/module/nf_tables").mkdir(parents=True)
    assert has_module(root, "nf_tables")


@pytest.mark.parametrize("where", [".", "proc_1_root"])
def test_built_in(tmp_path: Path, where: str) -> None:
    """Then nothing of it need be in /sys; from a container the host's list is seen through /proc.
    Names are as the kernel spells them.
    """
    root = host(tmp_path, **{where: BUILTIN})
    assert has_module(root, "nf_tables")
    assert has_module(root, "nf_conntrack_netlink")
    assert not has_module(root, "netfilter")
    assert not has_module(root, "nf_table")


def test_nothing_told(tmp_path: Path) -> None:
    """As before: it is not asked."""
    assert not has_module(HostRoot.at(tmp_path), "nf_tables")
