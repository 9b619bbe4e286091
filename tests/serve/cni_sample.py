"""A made-up report of CNI calls: a node whose pods wait for a lock that somebody else holds."""

from __future__ import annotations

from agent.model.cni import (
    CallState,
    CallWait,
    CNIBooks,
    CNICall,
    CNIConfig,
    CNIConfigFile,
    CNIReport,
    CNITotals,
    LockHolder,
    LockWait,
    NetworkHealth,
    NetworkState,
    NetworkWord,
    PluginFile,
)
from agent.model.oom import Container

NOW_NS = 11_000 * 10**9
WALL_NS = 1_790_000_600 * 10**9
BIN = "/opt/cni/bin"


def pod(name: str) -> Container:
    """A pod of the namespace shop, as CNI_ARGS names it."""
    return Container(
        namespace="shop", pod=name, pod_uid=f"uid-of-{name}", id="4f" * 32, names_from="cni"
    )


def call(
    pid: int,
    plugin: str,
    age: float,
    *,
    took: float | None = None,
    command: str = "ADD",
    name: str = "web-0",
    delegated_by: int | None = None,
    exit_code: int | None = None,
    signal: int | None = None,
    wait: CallWait | None = None,
) -> CNICall:
    """One that was executed `age` seconds ago, and runs unless it `took` some."""
    started = NOW_NS - int(age * 1e9)
    return CNICall(
        pid=pid,
        start_boottime_ns=started,
        plugin=f"{BIN}/{plugin}",
        started_boottime_ns=started,
        parent_pid=998 if delegated_by is None else delegated_by,
        command=command,
        container_id="4f" * 32,
        netns="/var/run/netns/cni-c4f0efcb-16e2-c2d3-dab1-f53bffc37952",
        interface="eth0",
        pod=pod(name),
        delegated_by=delegated_by,
        ended_boottime_ns=None if took is None else started + int(took * 1e9),
        exit_code=exit_code,
        signal=signal,
        wait=wait,
    )


LOCK = LockWait(
    kind="FLOCK",
    file="/var/lib/cni/networks/k8s/lock",
    holders=(LockHolder(pid=5130, comm="host-local", state="D", wchan="nfs_wait_bit_killable"),),
)

CALLS = (
    call(
        5201,
        "host-local",
        12,
        name="web-1",
        delegated_by=5200,
        wait=CallWait(
            boottime_ns=NOW_NS,
            comm="host-local",
            tid=5204,
            state="S",
            wchan="locks_lock_inode_wait",
            lock=LOCK,
        ),
    ),
    call(
        5200,
        "bridge",
        12.5,
        name="web-1",
        wait=CallWait(boottime_ns=NOW_NS, comm="bridge", tid=5200, state="S", wchan="do_wait"),
    ),
    call(
        5130,
        "host-local",
        242,
        delegated_by=5129,
        wait=CallWait(
            boottime_ns=NOW_NS,
            comm="host-local",
            tid=5130,
            state="D",
            wchan="nfs_wait_bit_killable",
        ),
    ),
    call(
        5129,
        "bridge",
        242.4,
        wait=CallWait(boottime_ns=NOW_NS, unread="reading its tasks hangs"),
    ),
    call(4800, "bridge", 300, took=0.21, name="job-7", command="DEL", exit_code=0),
    call(4711, "portmap", 600, took=0.09, name="job-7", exit_code=0),
    call(4701, "host-local", 600.2, took=0.05, name="job-7", delegated_by=4700, exit_code=1),
    call(4700, "bridge", 600.3, took=0.2, name="job-7", exit_code=1),
    call(4600, "bridge", 610, took=3, name="job-6", signal=9),
    call(4500, "loopback", 620, took=0.01, name="job-6"),
)

CONFIG = CNIConfig(
    boottime_ns=NOW_NS,
    directory="/etc/cni/net.d",
    bin_directories=(BIN, "/usr/lib/cni"),
    files=(
        CNIConfigFile(
            path="/etc/cni/net.d/10-k8s.conflist",
            loaded=True,
            network="k8s",
            version="1.0.0",
            plugins=(
                PluginFile(type="bridge", path=f"{BIN}/bridge"),
                PluginFile(type="host-local", path=f"{BIN}/host-local"),
                PluginFile(type="portmap", problem=f"no such file in {BIN}, /usr/lib/cni"),
            ),
        ),
        CNIConfigFile(path="/etc/cni/net.d/99-old.conf", problem="expected a plugin with a 'type'"),
    ),
    watched=True,
)

CNI = CNIReport(
    boottime_ns=NOW_NS,
    wall_ns=WALL_NS,
    slow_after_seconds=10,
    stalled_after_seconds=30,
    calls=CALLS,
    books=CNIBooks(seen=12, running=4, ended=6, missed=1, others=1),
    totals={
        ("ADD", CallState.OK): CNITotals(count=1, seconds=0.09),
        ("ADD", CallState.FAILED): CNITotals(count=2, seconds=3.2),
        ("ADD", CallState.UNKNOWN): CNITotals(count=1, seconds=0.01),
        ("DEL", CallState.OK): CNITotals(count=1, seconds=0.21),
    },
    health=NetworkHealth(
        state=NetworkState.WEDGED,
        since_boottime_ns=NOW_NS - 242 * 10**9,
        failed=0,
        succeeded_boottime_ns=NOW_NS - 599 * 10**9,
    ),
    config=CONFIG,
    word=NetworkWord(boottime_ns=NOW_NS - 2 * 10**9, ready=True),
)
