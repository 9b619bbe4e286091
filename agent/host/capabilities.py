"""The capabilities that the agent uses, which module needs each, and what is lost without

capabilities(7)
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from agent.host.files import read_file
from agent.host.root import HostRoot
from agent.parse.proc_capabilities import parse_effective


class Capability(Struct, frozen=True, kw_only=True):
    """One capability; `bit` is its number in include/uapi/linux/capability.h."""

    name: str  # without CAP_, as manifests have it
    bit: int
    modules: tuple[str, ...]  # of agent/
    without: str


CAPABILITIES = (
    Capability(
        name="DAC_READ_SEARCH",
        bit=2,
        modules=("host/tasks.py", "host/plugin_process.py"),
        without="stacks of tasks, and CNI calls, of users other than root",
    ),
    Capability(
        name="NET_ADMIN",
        bit=12,
        modules=(
            "host/proc_connector.py",
            "host/nftables.py",
            "host/nft_changes.py",
            "host/rule_tables.py",
            "host/plumbing.py",
            "host/bpf.py",
            "host/netlink_listener.py",
        ),
        without="exit codes and signals as the kernel tells them (connector); NAT of nftables, and"
        " who commits to it; how large the packet filter is; conntrack's counters where procfs has"
        " none; whether BPF is attached to a pod's interface by tcx; network.event_buffer_bytes"
        " above net.core.rmem_max",
    ),
    Capability(
        name="SYS_PTRACE",
        bit=19,
        modules=(
            "host/plugin_process.py",
            "host/kubelet.py",
            "host/cgroup_namespace.py",
            "host/namespaces.py",
            "host/tasks.py",
            "host/etcd.py",
            "host/callers.py",
            "host/rule_tools.py",
            "host/modules.py",
            "host/containerd_files.py",
            "host/open_devices.py",
            "host/file_locks.py",
        ),
        without="namespaces, netlink, links and fabric: whose namespaces are whose, and what the"
        " networks of pods and host are; CNI calls; the kubelet's program and files; the host's"
        " cgroup namespace; where tasks wait, and what they have open; etcd's directory where it"
        " is relative; the kubelet's and the API server's connections; image pulls; in a"
        " container the xtables lock and an nf_tables that is built into the kernel",
    ),
    Capability(
        name="SYS_ADMIN",
        bit=21,
        modules=(
            "host/tracefs.py",
            "host/tasks.py",
            "host/cgroup_namespace.py",
            "host/namespaces.py",
        ),
        without="trace, probe, recorder, signals, cni and dials; netlink, links and fabric, which"
        " are the networks of pods and host; stacks; the host's cgroup namespace",
    ),
    Capability(
        name="SYS_RESOURCE",
        bit=24,
        modules=("host/psi_trigger.py", "daemon.py", "host/self_protection.py"),
        without="pressure windows of less than 2 s (on old kernels: triggers), more descriptors"
        " than the runtime allows, and the agent's own oom_score_adj and locked code",
    ),
    Capability(
        name="SYSLOG",
        bit=34,
        modules=("host/kmsg.py",),
        without="kmsg where kernel.dmesg_restrict is 1",
    ),
)
"""Each in the order of its number."""


def missing_capabilities(root: HostRoot) -> Iterator[Capability]:
    """Those that this process does not have. Raises SourceAbsent, ParseError."""
    held = parse_effective(read_file(root.proc / "self/status"))
    yield from (wanted for wanted in CAPABILITIES if not held >> wanted.bit & 1)
