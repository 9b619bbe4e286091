"""Pods and containers, made as the kubelet makes them: cgroup first, then the runtime's calls."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from tests.lab.cri import as_dict
from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.hierarchy import Qos, container_path, make_pod, pod_path
from tests.lab.machines import Driver
from tests.lab.node import Node
from tests.lab.oci import WORK

READY_SECONDS = 120.0
RUN_SECONDS = 240.0
"""Many at once, or one whose network a test holds up."""
EXIT_SECONDS = 300.0
REMOVE_SECONDS = 300.0
STARTS = 3
# The containers of a pod have one shim. One that does not answer the next start within 100 ms is
# taken for dead and its socket is removed (containerd 1.6, CanConnect in runtime/v2/shim); a start
# that was under way then finds none. On an emulated node it happens.
SHIM_FAILED = "failed to start shim"


class Container:
    """A container of a pod."""

    def __init__(self, pod: "Pod", name: str, identity: str, attempt: int = 0) -> None:
        self.pod = pod
        self.name = name
        self.id = identity
        self.attempt = attempt
        path = container_path(pod.runtime_driver, pod.group.path, identity)
        self.group = Group(pod.node.guest, path)
        """Its cgroup; it exists once the container has been started."""

    def start(self) -> None:
        """StartContainer."""
        self.pod.node.cri.call("StartContainer", container_id=self.id)

    def stop(self, grace_seconds: int) -> None:
        """StopContainer: SIGTERM, and SIGKILL after the grace."""
        self.pod.node.cri.call("StopContainer", container_id=self.id, timeout=str(grace_seconds))

    def status(self) -> dict[str, Any]:
        """ContainerStatus; zero values are missing (see cri.as_dict)."""
        return as_dict(self.pod.node.cri.call("ContainerStatus", container_id=self.id).status)

    def log(self) -> str:
        """Its log in the CRI's format, empty before the first line."""
        try:
            where = f"{self.pod.log_directory}/{self.name}/{self.attempt}.log"
            return self.pod.node.guest.read(where)
        except FileNotFoundError:
            return ""

    def init_pid(self) -> int:
        """The guest's pid of the container's init, as the runtime knows it."""
        answer = self.pod.node.cri.call("ContainerStatus", container_id=self.id, verbose=True)
        return int(json.loads(answer.info["info"])["pid"])

    def wait_ready(self, processes: int = 1) -> None:
        """Wait until `work wait` has said that it is ready, and there are that many processes."""

        def ready() -> bool:
            return "ready" in self.log() and len(self.group.pids()) >= processes

        until(ready, READY_SECONDS, f"{self.name} is ready", lambda: f"{self.log()}{self.status()}")

    def exec_sync(self, argv: Sequence[str], seconds: int = 20) -> dict[str, Any]:
        """ExecSync, as an exec probe does it."""
        call = self.pod.node.cri.call
        return as_dict(call("ExecSync", container_id=self.id, cmd=list(argv), timeout=str(seconds)))

    def wait_exited(self, seconds: float = EXIT_SECONDS) -> dict[str, Any]:
        """Wait until the runtime says that it has exited; returns that status."""

        def exited() -> dict[str, Any] | None:
            status = self.status()
            return status if status.get("state") == "CONTAINER_EXITED" else None

        return until(exited, seconds, f"{self.name} has exited")


class Pod:
    """A pod's sandbox and cgroup. Made by Pods.create."""

    def __init__(
        self,
        node: Node,
        name: str,
        namespace: str,
        *,
        qos: Qos,
        host_network: bool,
        privileged: bool,
        runtime_driver: Driver,
        failed_starts: list[str],
    ) -> None:
        self.node = node
        self.name, self.namespace, self.uid = name, namespace, str(uuid.uuid4())
        self.runtime_driver = runtime_driver
        self.group = Group(node.guest, pod_path(node.driver, qos, self.uid))
        self.log_directory = f"/var/log/pods/{namespace}_{name}_{self.uid}"
        self.privileged = privileged
        self.sandbox_id = ""
        self.containers: list[Container] = []
        self._failed_starts = failed_starts
        self.labels = {
            "io.kubernetes.pod.name": name,
            "io.kubernetes.pod.namespace": namespace,
            "io.kubernetes.pod.uid": self.uid,
        }
        network = "NODE" if host_network else "POD"
        self.config: dict[str, Any] = {
            "metadata": {"name": name, "uid": self.uid, "namespace": namespace},
            "hostname": "" if host_network else name,
            "log_directory": self.log_directory,
            "labels": self.labels,
            "annotations": {"kubernetes.io/config.source": "api"},
            "linux": {
                "cgroup_parent": self.group.path,
                "security_context": {
                    "privileged": privileged,
                    "namespace_options": {"network": network, "pid": "CONTAINER"},
                },
            },
        }

    def run(self, memory_max: int | None) -> None:
        """The kubelet's steps for a new pod: cgroup and limit, log directory, RunPodSandbox."""
        make_pod(self.node.guest, self.group.path, memory_max)
        self.node.guest.run(["mkdir", "-p", self.log_directory])
        # Of the runtime's handlers the one named after a driver uses that one, whatever the node's.
        other = self.runtime_driver is not self.node.driver
        handler = self.runtime_driver.value if other else ""
        answer = self.node.cri.call(
            "RunPodSandbox", seconds=RUN_SECONDS, config=self.config, runtime_handler=handler
        )
        self.sandbox_id = answer.pod_sandbox_id

    def container(
        self,
        name: str,
        argv: Sequence[str],
        *,
        memory_max: int | None = None,
        oom_group: bool = True,
        oom_score_adj: int = 900,
        unified: Mapping[str, str] | None = None,
        mounts: Sequence[Mapping[str, Any]] = (),
        start: bool = True,
        attempt: int = 0,
        log: bool = True,
    ) -> Container:
        """CreateContainer with the image of `work`, then StartContainer; both again when containerd
        did not get the pod's shim to start it.

        memory.oom.group=1 is the kubelet's setting since 1.28; swap is off as the kubelet has it.
        Without a log it is sooner made.
        """
        resources: dict[str, Any] = {"oom_score_adj": oom_score_adj, "cpu_shares": 102}
        resources["unified"] = {"memory.oom.group": "1"} if oom_group else {}
        resources["unified"] |= dict(unified or {})
        if memory_max is not None:
            resources["memory_limit_in_bytes"] = memory_max
            resources["memory_swap_limit_in_bytes"] = memory_max
        config = {
            "metadata": {"name": name, "attempt": attempt},
            "image": {"image": WORK},
            "command": [argv[0]],
            "args": list(argv[1:]),
            "log_path": f"{name}/{attempt}.log" if log else "",
            "labels": {**self.labels, "io.kubernetes.container.name": name},
            "annotations": {
                "io.kubernetes.container.restartCount": str(attempt),
                "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
            },
            "mounts": [dict(mount) for mount in mounts],
            "linux": {
                "resources": resources,
                "security_context": {
                    "privileged": self.privileged,
                    "namespace_options": {"pid": "CONTAINER"},
                },
            },
        }
        if log:
            self.node.guest.run(["mkdir", "-p", f"{self.log_directory}/{name}"])
        made = self._create(name, attempt, config)
        if not start:
            return made
        for _ in range(STARTS - 1):
            try:
                made.start()
            except grpc.RpcError as error:
                said = str(error.details())
                if SHIM_FAILED not in said:
                    raise
                self._failed_starts.append(said)
                self.containers.remove(made)
                self.node.cri.call("RemoveContainer", container_id=made.id)
                made = self._create(name, attempt, config)
            else:
                return made
        made.start()
        return made

    def _create(self, name: str, attempt: int, config: dict[str, Any]) -> Container:
        answer = self.node.cri.call(
            "CreateContainer",
            pod_sandbox_id=self.sandbox_id,
            config=config,
            sandbox_config=self.config,
        )
        made = Container(self, name, answer.container_id, attempt)
        self.containers.append(made)
        return made


def remove_sandbox(node: Node, identity: str) -> None:
    """StopPodSandbox and RemovePodSandbox; one that is not there is fine.

    Tried again for a while: the runtime stumbles when a shim ends just while it is asked.
    """
    said: list[str] = []

    def done() -> bool:
        try:
            for method in ("StopPodSandbox", "RemovePodSandbox"):
                node.cri.call(method, pod_sandbox_id=identity)
        except grpc.RpcError as error:
            said.append(f"{error.code()}: {error.details()}")
            return error.code() is grpc.StatusCode.NOT_FOUND
        return True

    until(done, REMOVE_SECONDS, f"sandbox {identity} is removed", lambda: "\n".join(said[-3:]))
