"""The services that pods depend on: one whose quota runs out, one that starves for memory."""

from collections.abc import Callable
from contextlib import closing

from agent.api.v1.condition_pb2 import CONDITION_STATUS_TRUE, ENTITY_KIND_SERVICE, Condition
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


def test_throttled_and_starving(node: Node, asking: Asking, guest: Guest) -> None:
    """Each is named with its own reason, and neither is taken for the other."""
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
