"""The kubelet's part: which pods there are, and the clean slate between two tests."""

from concurrent.futures import ThreadPoolExecutor

from tests.lab.agent_process import WARM_CGROUP
from tests.lab.hierarchy import Qos
from tests.lab.machines import Driver
from tests.lab.node import CONTAINERD_CGROUP, Node
from tests.lab.pods import Pod, remove_sandbox

STATE = ("/var/lib/nodewitness", "/run/nodewitness", "/etc/nodewitness")
KEPT_SERVICES = (
    CONTAINERD_CGROUP,
    "system.slice/dbus.service",
    "system.slice/lab-relays.service",
    WARM_CGROUP,
    "system.slice/lab.service",
    "system.slice/systemd-journald.service",  # comes with the first unit that logs, and comes again
)


class Pods:
    """The pods of one node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.failed_starts: list[str] = []
        """What containerd said of containers that were started again."""

    def create(
        self,
        name: str,
        *,
        namespace: str = "default",
        qos: Qos = Qos.BURSTABLE,
        memory_max: int | None = None,
        host_network: bool = True,
        privileged: bool = False,
        runtime_driver: Driver | None = None,
    ) -> Pod:
        """A running pod without containers; `memory_max` is the pod's own limit.

        With a network of its own (host_network=False) it takes a second longer. `privileged` goes
        for its containers too. The runtime's cgroup driver is the kubelet's unless one is named.
        """
        pod = Pod(
            self.node,
            name,
            namespace,
            qos=qos,
            host_network=host_network,
            privileged=privileged,
            runtime_driver=runtime_driver or self.node.driver,
            failed_starts=self.failed_starts,
        )
        pod.run(memory_max)
        return pod

    def remove_all(self) -> None:
        """Remove every pod of the node, also those that are not of our making."""
        guest, cri = self.node.guest, self.node.cri
        guest.run(_KILL_PODS)
        sandboxes = [sandbox.id for sandbox in cri.call("ListPodSandbox").items]
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(lambda sandbox: remove_sandbox(self.node, sandbox), sandboxes))
        guest.run(_KILL_SHIMS)
        guest.run(_BURY_PODS)


def clean(pods: Pods) -> None:
    """Bring the node back to how it was after `Node.up`: for the next test.

    What cannot be taken back: the kernel's ring, /proc/vmstat, and the counters of kubepods and of
    its QoS groups.
    """
    pods.node.continue_containerd()
    pods.node.guest.run(_CLEAN)
    pods.node.start_containerd()
    pods.remove_all()


# Where pods have their cgroups, with either driver, and containers when the drivers disagree.
_PODS = " ".join(
    f"/sys/fs/cgroup/{pattern}"
    for pattern in (
        "kubepods/pod*",
        "kubepods/*/pod*",
        "kubepods.slice/kubepods-pod*.slice",
        "kubepods.slice/*/kubepods-*-pod*.slice",
        "system.slice/kubepods-*.slice:*",
    )
)

_KILL_PODS = f"""
for pod in {_PODS}; do [ ! -e $pod ] || echo 1 > $pod/cgroup.kill; done
"""

# No sandbox is left: a shim is of one that containerd lost, as it does when it is ended meanwhile.
_KILL_SHIMS = """
for comm in $(grep -lx containerd-shim /proc/[0-9]*/comm 2> /dev/null); do
    pid=${comm#/proc/}
    kill -9 ${pid%/comm} 2> /dev/null || true
done
"""

# What has been killed may take a moment to be gone.
_BURY = """
bury() {
    end=$(($(date +%s) + 30))
    while [ $(date +%s) -le $end ]; do
        [ -e $1 ] || return 0  # whoever made it may remove it at the same time
        find $1 -depth -type d -exec rmdir {} + 2> /dev/null || sleep 0.05
    done
    [ -e $1 ] || return 0
    echo "$1 is still busy" >&2
    for pid in $(cat $(find $1 -name cgroup.procs)); do
        cat /proc/$pid/stat /proc/$pid/stack >&2
    done
    exit 1
}
"""

_BURY_PODS = f"""{_BURY}
cd /sys/fs/cgroup
slices=$(find kubepods.slice -name '*-pod*.slice' -printf '%f ' 2> /dev/null)
[ -z "$slices" ] || systemctl stop $slices
for pod in {_PODS}; do bury $pod; done
for log in /var/log/pods/*; do [ ! -e $log ] || rm -rf $log; done
"""

# Whatever runs in a unit of /system.slice that is neither of the node itself nor this command ends.
_CLEAN = f"""{_BURY}
IFS=: read -r hierarchy controllers own < /proc/self/cgroup
cd /sys/fs/cgroup
for unit in system.slice/*.service; do
    case " {" ".join(KEPT_SERVICES)} ${{own#/}} " in *" $unit "*) continue ;; esac
    echo 1 > $unit/cgroup.kill
    bury $unit
done
for kubepods in kubepods kubepods.slice; do
    [ ! -e $kubepods ] || echo max > $kubepods/memory.max
done
left=
rm -rf {" ".join(STATE)} || left="its state"
mkdir -p /run/lab/tracing
mount -t tracefs tracefs /run/lab/tracing
for instance in /run/lab/tracing/instances/*/; do
    [ ! -e "$instance" ] || rmdir "$instance" || left="$left $instance"
done
umount /run/lab/tracing
[ -z "$left" ] || {{ echo "not to be removed: $left" >&2; exit 1; }}
"""
