"""A real kubelet in the guest, without an API server (standalone): `make kubelet` builds one.

Its pods are static: files in a directory. Others that its runtime has, of the lab's making, it
removes. What it says is asked at its read-only port.

https://kubernetes.io/docs/tutorials/cluster-management/kubelet-standalone/
"""

import json
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.guest import Guest
from tests.lab.hierarchy import Qos, container_path, pod_path
from tests.lab.static_pod import Json
from tests.lab.wire import Process

DIRECTORY = "/run/lab/kubelet"
MANIFESTS = f"{DIRECTORY}/manifests"
PROGRAM = f"{DIRECTORY}/kubelet"
CGROUP = "system.slice/kubelet.service"
CONFIG = "/var/lib/kubelet/config.yaml"
HOSTNAME = "lab"
START_SECONDS = 300.0
COPY_SECONDS = 120.0
POD_SECONDS = 300.0
ANSWER_SECONDS = "30"
_NO_ANSWER = (1, 124)
"""wget's exit code for every failure, and that of timeout."""
KUBELET = os.environ.get("NODEWITNESS_KUBELET", "")
_QOS = {"Guaranteed": Qos.GUARANTEED, "Burstable": Qos.BURSTABLE, "BestEffort": Qos.BEST_EFFORT}

_CONFIG = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "readOnlyPort": 10255,
    "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
    "failSwapOn": False,
    "staticPodPath": MANIFESTS,
    "evictionHard": {"memory.available": "100Mi", "nodefs.available": "10%"},
    "evictionSoft": {"memory.available": "300Mi"},
    "evictionSoftGracePeriod": {"memory.available": "1m30s"},
}


class RealKubelet:
    """Started at once; close it. Its pods run on when it ends, as a node's do."""

    def __init__(
        self,
        guest: Guest,
        program: Path,
        *pods: Json,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.guest = guest
        self.driver = guest.machine.config.driver
        guest.run(f"rm -rf {MANIFESTS}; mkdir -p {MANIFESTS} /var/lib/kubelet")
        if not guest.exists(PROGRAM):  # it stays in the guest's memory, as the agent's code does
            guest.run(
                f"cat > {PROGRAM}.new && chmod +x {PROGRAM}.new && mv {PROGRAM}.new {PROGRAM}",
                stdin=program.read_bytes(),
                seconds=COPY_SECONDS,
            )
        config = {**_CONFIG, "cgroupDriver": self.driver.value, **(settings or {})}
        guest.write(CONFIG, json.dumps(config, indent=1))
        for pod in pods:
            guest.write(f"{MANIFESTS}/{pod['metadata']['name']}.json", json.dumps(pod))
        self.process = self._run()

    def _run(self) -> Process:
        argv = [PROGRAM, f"--config={CONFIG}", f"--hostname-override={HOSTNAME}", "--v=2"]
        return self.guest.start(argv, cgroup=CGROUP)

    def run_again(self) -> None:
        """Start another one, after this one has ended."""
        self.process.close()
        self.process = self._run()

    def wait(self) -> None:
        """Wait until it has statistics."""
        until(self.summary, START_SECONDS, "the kubelet answers", self.log, every=3)

    def log(self) -> str:
        """What it has written since its last start; the end of it."""
        return self.process.err[-20_000:]

    def ask(self, path: str) -> str | None:
        """GET of its read-only port; None while it does not answer."""
        if not self.process.running():
            raise AssertionError(f"the kubelet has ended\n{self.log()}")
        url = f"http://127.0.0.1:10255{path}"
        # Not wget's own -T: Debian's busybox 1.35 ends with a segmentation fault at it.
        argv = ["timeout", ANSWER_SECONDS, "busybox", "wget", "-q", "-O", "-", url]
        done = self.guest.run(argv, check=False)
        if done.exit_code not in (0, *_NO_ANSWER):
            raise AssertionError(f"{argv}: exit code {done.exit_code}\n{done.err}")
        return done.out if done.exit_code == 0 else None

    def summary(self) -> Json | None:
        """/stats/summary; None while it does not answer."""
        said = self.ask("/stats/summary")
        summary: Json | None = None if said is None else json.loads(said)
        return summary

    def metrics(self, path: str, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Samples of one of its expositions: "/metrics", "/metrics/cadvisor", "/metrics/probes"."""
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(self.ask(path) or "")
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def pod(self, name: str) -> Json | None:
        """What it says of a static pod: its entry in /pods, metadata and status."""
        pods = json.loads(self.ask("/pods") or '{"items": null}')["items"] or []
        return next((p for p in pods if p["metadata"]["name"] == f"{name}-{HOSTNAME}"), None)

    def says(self, name: str, container: str = "main") -> "Said":
        """What it says of a container now; AssertionError if it knows none."""
        pod = self.pod(name) or {}
        each = pod.get("status", {}).get("containerStatuses", [])
        said = [Said(self, pod, status) for status in each if status["name"] == container]
        assert said, f"the kubelet knows no {container} of {name}\n{self.log()}"
        return said[0]

    def said(
        self, name: str, wanted: Callable[["Said"], bool], what: str, container: str = "main"
    ) -> "Said":
        """The same, once it is as wanted."""

        def found() -> Said | None:
            pod = self.pod(name)
            if pod is None or not pod["status"].get("containerStatuses"):
                return None
            said = self.says(name, container)
            return said if wanted(said) else None

        return until(
            found,
            POD_SECONDS,
            f"the kubelet says of {name}: {what}",
            lambda: f"{self.pod(name)}\n{self.log()}",
            every=0.5,
        )

    def running(self, name: str, processes: int = 1) -> "Said":
        """The container `main` of a pod, once it is ready and has so many processes, and `work`,
        which is one of them, waits to be told to go on.
        """
        said = self.said(name, lambda said: said.ready, "ready")
        until(
            lambda: "ready" in said.output() and len(said.group.pids()) >= processes,
            POD_SECONDS,
            f"{name} waits",
            lambda: f"{said.output()}{said.status}",
        )
        return said

    def add(self, name: str, manifest: str) -> None:
        """Give it one more manifest, as it is."""
        self.guest.write(f"{MANIFESTS}/{name}.json", manifest)

    def remove(self, name: str) -> None:
        """Take the pod's manifest away: the kubelet stops it."""
        self.guest.run(["rm", f"{MANIFESTS}/{name}.json"])

    def close(self) -> None:
        """End it and remove its files."""
        self.process.close()
        self.guest.run(
            f"rm -rf {MANIFESTS} /var/log/containers\n"
            "cd /var/lib/kubelet && find . -xdev -mindepth 1 -delete",
            check=False,
        )


class Said:
    """What the kubelet says of a container."""

    def __init__(self, kubelet: RealKubelet, pod: Json, status: Json) -> None:
        self.status = status
        self.name = pod["metadata"]["name"].removesuffix(f"-{HOSTNAME}")
        self.pod = pod["metadata"]["name"]
        self.namespace = pod["metadata"]["namespace"]
        self.uid = pod["metadata"]["uid"]
        self.id = status.get("containerID", "").removeprefix("containerd://")
        self.ready: bool = status["ready"]
        self.restarts: int = status["restartCount"]
        self.qos = pod["status"]["qosClass"]
        """ "Burstable"."""
        self._guest = kubelet.guest
        self._driver = kubelet.driver

    @property
    def last(self) -> str:
        """How the one before ended, in the words in which the agent gives those of the runtime;
        empty: there was none.
        """
        state = self.status.get("lastState", {}).get("terminated")
        return "" if state is None else f"{state['reason']}, exit code {state['exitCode']}"

    @property
    def group(self) -> Group:
        """Its cgroup, by the rules of the kubelet's driver."""
        above = pod_path(self._driver, _QOS[self.qos], self.uid)
        return Group(self._guest, container_path(self._driver, above, self.id))

    def output(self) -> str:
        """Its log in the CRI's format, empty before the first line."""
        where = f"/var/log/pods/{self.namespace}_{self.pod}_{self.uid}/{self.status['name']}"
        done = self._guest.run(f"cat {shlex.quote(where)}/{self.restarts}.log", check=False)
        return done.out
