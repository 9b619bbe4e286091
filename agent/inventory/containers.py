"""All containers and pods of the node: those that are there and those that were a moment ago.

A pure book, kept by one thread and without I/O: it hears which cgroups come and go and what they
are called, and answers whose a cgroup is. Records are frozen; a change makes a new one, which the
next look-up returns.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from agent.inventory.names import ContainerKind, merge
from agent.inventory.pods import Pods
from agent.inventory.recent import RecentlyDead
from agent.inventory.records import ContainerRecord, PodRecord
from agent.model.cgroup import MISMATCH, CgroupId, CgroupLevel, CgroupPlace
from agent.model.oom import Container

KEEP_DEAD_NS = 3_600 * 1_000_000_000
MAX_DEAD = 2_000


class Inventory:
    """Who is who within one boot and one hierarchy. All times are CLOCK_BOOTTIME in ns.

    What is alive is bounded by the kernel; of the dead at most `max_dead` containers and as many
    pods are kept, each for `keep_dead_ns` at most.
    """

    def __init__(
        self, hierarchy: str, *, keep_dead_ns: int = KEEP_DEAD_NS, max_dead: int = MAX_DEAD
    ) -> None:
        self._hierarchy = hierarchy
        self._records: dict[CgroupId, ContainerRecord] = {}
        self._by_path: dict[str, CgroupId] = {}  # the latest of each path
        self._by_container_id: dict[str, CgroupId] = {}  # the latest of each id
        self._by_init: dict[int, CgroupId] = {}  # the latest of each pid
        self._in_pod: dict[str, dict[CgroupId, None]] = {}  # by uid, in order of appearance
        self._dead = RecentlyDead[CgroupId](keep_ns=keep_dead_ns, limit=max_dead)
        self._pods = Pods(keep_dead_ns=keep_dead_ns, max_dead=max_dead)
        self._driver = ""

    # What comes and goes

    def appeared(self, place: CgroupPlace, inode: int, now_ns: int) -> ContainerRecord | None:
        """A cgroup is there. The record if it is a container's own cgroup, else None.

        Hearing of the same cgroup (the same inode) again changes nothing, but for a death that was
        none. A new inode at a known path means that the old cgroup went unseen.
        """
        self.forget(now_ns)
        if place.driver != MISMATCH:
            self._driver = place.driver or self._driver
        key = CgroupId(hierarchy=self._hierarchy, inode=inode)
        if place.pod_uid:
            self._pods.appeared(place, key, now_ns)
        if place.level is not CgroupLevel.CONTAINER:
            return None
        former = self._by_path.get(place.path)
        if former is not None and former != key:
            self._die(former, now_ns)
        record = self._records.get(key)
        if record is None:
            record = ContainerRecord(
                id=key, place=place, names=self._first_names(place), first_seen_ns=now_ns
            )
        else:
            record = replace(record, died_ns=None)
            self._dead.revive(key)
        self._records[key] = record
        self._by_path[place.path] = key
        self._by_container_id[place.container_id] = key
        self._in_pod.setdefault(place.pod_uid, {})[key] = None
        return record

    def vanished(self, path: str, inode: int, now_ns: int) -> ContainerRecord | None:
        """A cgroup is gone. The record as it died, if it was a living container's; else None.

        With a pod's cgroup all that is left in it dies: the kernel removes no parent first.
        """
        self.forget(now_ns)
        key = CgroupId(hierarchy=self._hierarchy, inode=inode)
        pod_uid = self._pods.vanished(path, key, now_ns)
        if pod_uid:
            for child in tuple(self._in_pod.get(pod_uid, ())):
                self._die(child, now_ns)
            return None
        record = self._records.get(key)
        if record is None or not record.alive or record.place.path != path:
            return None
        return self._die(key, now_ns)

    def inits(self) -> set[int]:
        """The inits, as far as they are known, of all containers that are alive."""
        pids = (record.init_pid for record in self.alive())
        return {pid for pid in pids if pid is not None}

    # What they are called

    def named(
        self, key: CgroupId, container: Container, kind: ContainerKind
    ) -> ContainerRecord | None:
        """Names are known, or better known. The new record; None if that changed nothing."""
        record = self._records.get(key)
        if record is None or (record.names, record.kind) == (container, kind):
            return None
        record = replace(record, names=container, kind=kind)
        self._records[key] = record
        self.pod_named(
            container.pod_uid,
            namespace=container.namespace,
            name=container.pod,
            names_from=container.names_from,
        )
        return record

    def pod_named(self, pod_uid: str, *, namespace: str, name: str, names_from: str) -> None:
        """The names of a pod; ignored if it is unknown or a better source has named it."""
        self._pods.named(pod_uid, namespace=namespace, name=name, names_from=names_from)

    def init_found(self, key: CgroupId, pid: int, start_boottime_ns: int) -> ContainerRecord | None:
        """The container's first process. The new record; None if that changed nothing."""
        record = self._records.get(key)
        if record is None:
            return None
        if (record.init_pid, record.init_start_boottime_ns) == (pid, start_boottime_ns):
            return None
        if record.init_pid is not None and self._by_init.get(record.init_pid) == key:
            del self._by_init[record.init_pid]
        record = replace(record, init_pid=pid, init_start_boottime_ns=start_boottime_ns)
        self._records[key] = record
        self._by_init[pid] = key
        return record

    # Look-ups: the dead are found like the living

    def get(self, key: CgroupId) -> ContainerRecord | None:
        """The container with this cgroup."""
        return self._records.get(key)

    def by_inode(self, inode: int) -> ContainerRecord | None:
        """The container whose cgroup has this inode."""
        return self._records.get(CgroupId(hierarchy=self._hierarchy, inode=inode))

    def path_of(self, inode: int) -> str | None:
        """The cgroup of the container with this inode."""
        record = self.by_inode(inode)
        return None if record is None else record.place.path

    def by_init(self, pid: int) -> ContainerRecord | None:
        """The latest container whose init has, or had, this pid."""
        key = self._by_init.get(pid)
        return None if key is None else self._records[key]

    def by_container_id(self, container_id: str) -> ContainerRecord | None:
        """The latest container with this id: an id can come again, with another cgroup."""
        key = self._by_container_id.get(container_id)
        return None if key is None else self._records[key]

    def by_path(self, path: str) -> ContainerRecord | None:
        """The latest container with its cgroup at this path or above it."""
        while path:
            key = self._by_path.get(path)
            if key is not None:
                return self._records[key]
            path = path.rpartition("/")[0]
        return None

    def in_pod(self, pod_uid: str) -> tuple[ContainerRecord, ...]:
        """All containers of a pod, its sandboxes included, in order of appearance."""
        return tuple(self._records[key] for key in self._in_pod.get(pod_uid, ()))

    def pod(self, pod_uid: str) -> PodRecord | None:
        """The pod with this uid."""
        return self._pods.get(pod_uid)

    def names_of(self, place: CgroupPlace) -> Container | None:
        """The best names for a cgroup of any level; None outside of pods.

        For a pod's own cgroup: the pod's names, without a container.
        """
        record = self.by_path(place.container_path) if place.container_path else None
        if record is None:
            return self._first_names(place) if place.pod_uid or place.container_id else None
        if record.names.pod_named:
            return record.names
        return replace(self._first_names(record.place), name=record.names.name)

    def alive(self) -> Iterator[ContainerRecord]:
        """Containers and sandboxes that are there."""
        return (record for record in self._records.values() if record.alive)

    def unnamed_pods(self) -> tuple[PodRecord, ...]:
        """Pods of which nobody has told the names."""
        return self._pods.unnamed()

    def alive_pods(self) -> Iterator[PodRecord]:
        """Pods that are there."""
        return self._pods.alive()

    @property
    def containers(self) -> int:
        """Containers that are there, without those known to be sandboxes."""
        return sum(record.kind is not ContainerKind.SANDBOX for record in self.alive())

    @property
    def driver(self) -> str:
        """As last seen, "cgroupfs" or "systemd"; empty while no pod was.

        MISMATCH while a container is there that its runtime has put outside kubepods.
        """
        if any(record.place.driver == MISMATCH for record in self.alive()):
            return MISMATCH
        return self._driver

    @property
    def pods(self) -> int:
        """Pods that are there."""
        return len(self._pods)

    @property
    def dead(self) -> int:
        """Dead containers that are still known."""
        return len(self._dead)

    def forget(self, now_ns: int) -> None:
        """Give up the dead that are too old or too many; done whenever a cgroup comes or goes."""
        self._pods.forget(now_ns)
        for key in self._dead.forget(now_ns):
            record = self._records.pop(key)
            place = record.place
            if self._by_path.get(place.path) == key:
                del self._by_path[place.path]
            if record.init_pid is not None and self._by_init.get(record.init_pid) == key:
                del self._by_init[record.init_pid]
            if self._by_container_id.get(place.container_id) == key:
                del self._by_container_id[place.container_id]
            in_pod = self._in_pod[place.pod_uid]
            del in_pod[key]
            if not in_pod:
                del self._in_pod[place.pod_uid]

    def _first_names(self, place: CgroupPlace) -> Container:
        """What is known of a container that nobody has named: its pod may have names."""
        pod = self._pods.get(place.pod_uid)
        return merge(place).container if pod is None else replace(pod.names, id=place.container_id)

    def _die(self, key: CgroupId, now_ns: int) -> ContainerRecord:
        record = self._records[key]
        if not record.alive:
            return record
        record = self._records[key] = replace(record, died_ns=now_ns)
        self._dead.bury(key, now_ns)
        uid = record.place.pod_uid
        if not any(sibling.alive for sibling in self.in_pod(uid)):
            self._pods.emptied(uid, now_ns)
        return record
