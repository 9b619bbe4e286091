"""The services that pods depend on: one whose quota runs out, one that starves for memory; and a
processor that the kernel's soft interrupts take.
"""

from collections.abc import Callable
from contextlib import closing

from agent.api.v1.condition_pb2 import CONDITION_STATUS_TRUE, ENTITY_KIND_SERVICE, Condition
from agent.api.v1.cpu_pb2 import CPUReport
from tests.lab.asking import Asking
from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.guest import Guest
from tests.lab.node import Node

SECONDS = 240.0  # a unit is found within 30 s and read in full each 10 s, on bare metal
MIB = 1 << 20
QUOTA = "10000 100000"
HIGH_MIB = 16
EATERS, EACH_MIB = 4, 12
RULES, BUSY, MUCH = 5000, 1, 0.4
# Each packet passes all rules, in a soft interrupt of the processor that sends it.
FILTER = "\n".join(
    (
        "*filter",
        ":LAB - [0:0]",
        *(f"-A LAB -s 10.96.{number // 250}.{number % 250} -j ACCEPT" for number in range(RULES)),
        "-A LAB -j DROP",
        "-A INPUT -i lo -p udp --dport 9 -j LAB",
        "COMMIT\n",
    )
)
NO_FILTER = "".join(
    f"iptables-legacy {words};"
    for words in ("-D INPUT -i lo -p udp --dport 9 -j LAB", "-F LAB", "-X LAB")
)
FLOOD = f"""
import os, socket
os.sched_setaffinity(0, {{{BUSY}}})
everyone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    everyone.sendto(b"x", ("127.0.0.1", 9))
"""


def unit(guest: Guest, name: str, **files: str) -> Group:
    """Its cgroup, with these limits ("cpu_max": "10000 100000")."""
    guest.run(
        "for at in '' /system.slice; do "
        "echo '+cpu +memory' > /sys/fs/cgroup$at/cgroup.subtree_control; done"
    )
    group = Group(guest, f"/system.slice/{name}").make()
    for file, value in files.items():
        guest.write(f"{group.directory}/{file.replace('_', '.')}", value)
    return group


def of_service(asking: Asking, type_: str, unit: str) -> Callable[[], Condition | None]:
    def found() -> Condition | None:
        for condition in asking.conditions(types=[type_], statuses=[CONDITION_STATUS_TRUE]):
            if condition.entity.id == unit:
                return condition
        return None

    return found


def test_throttled_and_starving(
    node: Node, asking: Asking, guest: Guest, figures: list[str]
) -> None:
    """Each is named with its own reason, and neither is taken for the other. Then packets take a
    processor, which is neither's fault.
    """
    kubelet = unit(guest, "kubelet.service", cpu_max=QUOTA)
    etcd = unit(guest, "etcd.service", memory_high=str(HIGH_MIB * MIB))
    eat = ["work", "multi", str(EATERS), str(EACH_MIB)]
    with (
        closing(guest.start(["work", "spin", "900"], cgroup=kubelet.path.removeprefix("/"))),
        closing(guest.start(eat, cgroup=etcd.path.removeprefix("/"))),
    ):
        throttled = until(
            of_service(asking, "ServiceThrottled", "kubelet.service"),
            SECONDS,
            "the kubelet is throttled",
            lambda: f"{asking.conditions(all=True)}\n{asking.containers(services=True)}",
        )
        assert throttled.entity.kind == ENTITY_KIND_SERVICE
        assert "cpu.max gives it 0.10 CPUs" in throttled.message
        assert throttled.evidence[1].value == QUOTA
        starved = until(
            of_service(asking, "ServiceStarved", "etcd.service"),
            SECONDS,
            "etcd starves",
            lambda: f"{asking.conditions(all=True)}\n{asking.containers(services=True)}",
        )
        assert starved.reason == "Memory"
        told = asking.conditions(types=["ServiceStarved", "ServiceThrottled"])
        ours = [each for each in told if each.entity.id in ("kubelet.service", "etcd.service")]
        assert {(each.type, each.entity.id) for each in ours} == {
            ("ServiceThrottled", "kubelet.service"),
            ("ServiceStarved", "etcd.service"),
        }
        shown = guest.run(["nodectl", "conditions"], check=False).out  # 1: there are some
        assert "kubelet.service" in shown
        kubelet.kill()
        etcd.kill()
    kubelet.remove()
    etcd.remove()
    soft_interrupts(guest, asking, figures)


def soft_interrupts(guest: Guest, asking: Asking, figures: list[str]) -> None:
    """Which processor they take, and how much of it."""

    def taken() -> CPUReport | None:
        cpu = asking.cpu()
        return cpu if cpu.softirq_cpu == BUSY and cpu.softirq_cpu_ratio >= MUCH else None

    guest.run("iptables-legacy-restore --noflush", stdin=FILTER.encode())
    try:
        with closing(guest.start(["python3", "-c", FLOOD])):
            cpu = until(taken, SECONDS, "soft interrupts take it", lambda: str(asking.cpu()))
            assert cpu.shares.softirq >= MUCH / 3  # of two processors
            assert cpu.runnable_most >= 1
            shown = guest.run(["nodectl", "cpu"]).out
            assert f"most on CPU {BUSY}: " in " ".join(shown.split())
    finally:
        guest.run(NO_FILTER)
    figures.append(
        f"cpu: soft interrupts take {100 * cpu.softirq_cpu_ratio:.0f} % of CPU {BUSY}, which sends"
        f" packets through {RULES} rules; {100 * cpu.shares.softirq:.0f} % of all"
    )
