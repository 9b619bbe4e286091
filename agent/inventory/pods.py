"""The pods of the node, as far as their cgroups and their containers tell."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from agent.inventory.names import CGROUP, RANK
from agent.inventory.recent import RecentlyDead
from agent.inventory.records import PodRecord
from agent.model.cgroup import CgroupId, CgroupLevel, CgroupPlace
from agent.model.oom import Container


class Pods:
    """Pods by uid, the recently dead included. The Inventory is the only one that writes here."""

    def __init__(self, *, keep_dead_ns: int, max_dead: int) -> None:
        self._pods: dict[str, PodRecord] = {}
        self._by_cgroup: dict[CgroupId, str] = {}
        self._dead = RecentlyDead[str](keep_ns=keep_dead_ns, limit=max_dead)

    def __len__(self) -> int:
        """Pods that are there."""
        return len(self._pods) - len(self._dead)

    def get(self, pod_uid: str) -> PodRecord | None:
        """The pod with this uid."""
        return self._pods.get(pod_uid)

    def alive(self) -> Iterator[PodRecord]:
        """Pods that are there."""
        return (pod for pod in self._pods.values() if pod.alive)

    def unnamed(self) -> tuple[PodRecord, ...]:
        """Pods of which nobody has told the names."""
        return tuple(pod for pod in self._pods.values() if not pod.names.pod)

    def appeared(self, place: CgroupPlace, key: CgroupId, now_ns: int) -> None:
        """A cgroup of this pod is there: its own, or one below it."""
        uid = place.pod_uid
        own = place.level is CgroupLevel.POD and place.path == place.pod_path
        pod = self._pods.get(uid)
        if pod is None:
            names = Container(pod_uid=uid, names_from=CGROUP)
            pod = PodRecord(names=names, path=place.pod_path, first_seen_ns=now_ns)
        if pod.id is not None and (own or not pod.alive):
            self._by_cgroup.pop(pod.id, None)  # the pod has another one now
            pod = replace(pod, id=None)
        if own:
            pod = replace(pod, id=key, path=place.path)
            self._by_cgroup[key] = uid
        self._pods[uid] = replace(pod, died_ns=None)
        self._dead.revive(uid)

    def vanished(self, path: str, key: CgroupId, now_ns: int) -> str:
        """A cgroup is gone. The uid of the pod that died with it; empty if none did."""
        uid = self._by_cgroup.get(key, "")
        pod = self._pods.get(uid)
        if pod is None or not pod.alive or pod.path != path:
            return ""
        self._die(uid, pod, now_ns)
        return uid

    def emptied(self, pod_uid: str, now_ns: int) -> None:
        """The last container that we know of is gone: so is a pod whose own cgroup we never saw."""
        pod = self._pods.get(pod_uid)
        if pod is not None and pod.alive and pod.id is None:
            self._die(pod_uid, pod, now_ns)

    def named(self, pod_uid: str, *, namespace: str, name: str, names_from: str) -> None:
        """The pod's names; ignored if we do not know it or a better source has named it."""
        pod = self._pods.get(pod_uid)
        if pod is None or not (namespace and name):
            return
        if not pod.names.pod or RANK[names_from] >= RANK[pod.names.names_from]:
            names = Container(namespace=namespace, pod=name, pod_uid=pod_uid, names_from=names_from)
            self._pods[pod_uid] = replace(pod, names=names)

    def forget(self, now_ns: int) -> None:
        """Give up those that died too long ago or are too many."""
        for uid in self._dead.forget(now_ns):
            pod = self._pods.pop(uid)
            if pod.id is not None:
                self._by_cgroup.pop(pod.id, None)

    def _die(self, uid: str, pod: PodRecord, now_ns: int) -> None:
        self._pods[uid] = replace(pod, died_ns=now_ns)
        self._dead.bury(uid, now_ns)
