"""A pod of a manifest, given to the runtime as the kubelet gives it: nothing of it is left out.

What this does not know how to translate is an error, so that a manifest cannot say more than the
lab has tried.

https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kuberuntime/kuberuntime_container.go
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from tests.deploy.kustomize import Resource
from tests.lab.cri import as_dict
from tests.lab.deadline import until
from tests.lab.groups import Group
from tests.lab.hierarchy import Qos, container_path, make_pod, pod_path
from tests.lab.node import Node

NODE_NAME, HOST_IP = "lab-node", "10.0.2.15"
UID = "0d5ce2a5-8f1e-4c5e-9d4e-6e6f64657769"
EXIT_SECONDS = 300.0
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
# kubelet_pods.go, securitycontext: what a container that is not privileged cannot see or write
_MASKED = (
    *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi"),
    *("/sys/firmware", "/sys/devices/virtual/powercap"),
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_PROPAGATION = {
    "None": "PROPAGATION_PRIVATE",
    "HostToContainer": "PROPAGATION_HOST_TO_CONTAINER",
    "Bidirectional": "PROPAGATION_BIDIRECTIONAL",
}
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
# What kubectl acts on alone, and what the kubelets before 1.30 had instead of a field.
_ANNOTATIONS = ("kubectl.kubernetes.io/default-container", _APPARMOR)
# helpers.go, getAppArmorProfile: said a second time, for older runtimes
_APPARMOR_PROFILES = {"Unconfined": "unconfined", "RuntimeDefault": "runtime/default"}
_FIELDS = {"spec.nodeName": NODE_NAME, "status.hostIP": HOST_IP}
# What the kubelet itself acts on, or the API server, and no runtime ever hears of.
_POD_KEYS = frozenset(
    (
        *("serviceAccountName", "automountServiceAccountToken", "enableServiceLinks"),
        *("priorityClassName", "tolerations", "nodeSelector", "nodeName", "hostPID"),
        *("hostNetwork", "dnsPolicy", "terminationGracePeriodSeconds", "restartPolicy"),
        *("containers", "initContainers", "volumes"),
    )
)
_CONTAINER_KEYS = frozenset(
    (
        *("name", "image", "imagePullPolicy", "args", "env", "ports", "startupProbe"),
        *("readinessProbe", "livenessProbe", "resources", "volumeMounts"),
        *("securityContext",),
    )
)
_SECURITY_KEYS = frozenset(
    (
        *("privileged", "readOnlyRootFilesystem", "allowPrivilegeEscalation", "runAsUser"),
        *("seccompProfile", "appArmorProfile", "seLinuxOptions", "capabilities"),
    )
)


class ManifestPod:
    """A pod of a template, with a sandbox. `config_maps`, `secrets`: name to files."""

    def __init__(
        self,
        node: Node,
        template: Resource,
        *,
        name: str,
        config_maps: Mapping[str, Any],
        secrets: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.node = node
        self.spec = template["spec"]
        assert self.spec.keys() <= _POD_KEYS, self.spec.keys() - _POD_KEYS
        self.annotations: dict[str, str] = template["metadata"].get("annotations", {})
        unknown = [key for key in self.annotations if not key.startswith(_ANNOTATIONS)]
        assert not unknown, unknown
        self.name = name
        self._config_maps = config_maps
        self._secrets = secrets or {}
        self.group = Group(node.guest, pod_path(node.driver, Qos.BURSTABLE, UID))
        self.logs = f"/var/log/pods/nodewitness_{name}_{UID}"
        self._labels = {
            "io.kubernetes.pod.name": name,
            "io.kubernetes.pod.namespace": "nodewitness",
            "io.kubernetes.pod.uid": UID,
        }
        every = [*self.spec.get("initContainers", ()), *self.spec["containers"]]
        privileged = any(c["securityContext"].get("privileged", False) for c in every)
        host_network = self.spec.get("hostNetwork", False)
        self.namespaces = {
            "network": "NODE" if host_network else "POD",
            "pid": "NODE" if self.spec.get("hostPID", False) else "CONTAINER",
        }
        self.config: dict[str, Any] = {
            "metadata": {"name": name, "uid": UID, "namespace": "nodewitness"},
            "hostname": "" if host_network else name,
            "log_directory": self.logs,
            "labels": self._labels,
            "annotations": {**self.annotations, "kubernetes.io/config.source": "api"},
            "linux": {
                "cgroup_parent": self.group.path,
                "security_context": {
                    "privileged": privileged,
                    "namespace_options": self.namespaces,
                    "seccomp": {"profile_type": "RuntimeDefault"},
                },
            },
        }
        limits = [_memory(container["resources"]["limits"]) for container in every]
        make_pod(node.guest, self.group.path, max(limits))
        node.guest.run(["mkdir", "-p", self.logs])
        answer = node.cri.call("RunPodSandbox", seconds=240, config=self.config)
        self.sandbox_id = answer.pod_sandbox_id

    def start(self, name: str, attempt: int = 0) -> "ManifestContainer":
        """Create and start one of its containers."""
        every = [*self.spec.get("initContainers", ()), *self.spec["containers"]]
        (container,) = [one for one in every if one["name"] == name]
        assert container.keys() <= _CONTAINER_KEYS, container.keys() - _CONTAINER_KEYS
        self.node.guest.run(["mkdir", "-p", f"{self.logs}/{name}"])
        env = _environment(container.get("env", ()))
        config = {
            "metadata": {"name": name, "attempt": attempt},
            "image": {"image": container["image"]},
            "args": [_expanded(word, env) for word in container["args"]],
            "envs": [{"key": key, "value": value} for key, value in env.items()],
            "log_path": f"{name}/{attempt}.log",
            "labels": {**self._labels, "io.kubernetes.container.name": name},
            "mounts": [self._mount(mount) for mount in container.get("volumeMounts", ())],
            "linux": {
                "resources": _resources(container["resources"]),
                "security_context": self._security(name, container["securityContext"]),
            },
        }
        answer = self.node.cri.call(
            "CreateContainer",
            pod_sandbox_id=self.sandbox_id,
            config=config,
            sandbox_config=self.config,
        )
        self.node.cri.call("StartContainer", seconds=120, container_id=answer.container_id)
        return ManifestContainer(self, name, attempt, answer.container_id)

    def _mount(self, mount: Resource) -> dict[str, Any]:
        (volume,) = [one for one in self.spec["volumes"] if one["name"] == mount["name"]]
        assert mount.keys() <= {"name", "mountPath", "readOnly", "mountPropagation"}
        return {
            "container_path": mount["mountPath"],
            "host_path": self._volume(volume),
            "readonly": mount.get("readOnly", False),
            "propagation": _PROPAGATION[mount.get("mountPropagation", "None")],
        }

    def _volume(self, volume: Resource) -> str:
        """Where it is on the node, made as the kubelet makes it."""
        match volume:
            case {"configMap": {"name": name}}:
                place = f"/var/lib/kubelet/pods/{UID}/volumes/{name}"
                self.node.guest.run(["mkdir", "-p", place])
                for file, text in self._config_maps[name].items():
                    self.node.guest.write(f"{place}/{file}", text)
                return place
            case {"secret": {"secretName": name, "optional": True}}:
                place = f"/var/lib/kubelet/pods/{UID}/volumes/{name}"
                self.node.guest.run(["mkdir", "-p", f"{place}/..1"])
                self.node.guest.run(["ln", "-sfn", "..1", f"{place}/..data"])
                for file, text in self._secrets.get(name, {}).items():
                    self.node.guest.write(f"{place}/..1/{file}", text)
                    self.node.guest.run(["ln", "-sfn", f"..data/{file}", f"{place}/{file}"])
                return place
            case {"hostPath": {"path": str(path), **rest}}:
                quoted = shlex.quote(path)
                match rest.get("type", ""):
                    case "DirectoryOrCreate":
                        self.node.guest.run(f"mkdir -p {quoted}")
                    case "Directory":
                        self.node.guest.run(f"test -d {quoted}")
                    case "":
                        pass
                    case other:
                        raise AssertionError(other)
                return path
            case _:
                raise AssertionError(volume)

    def _security(self, name: str, context: Resource) -> dict[str, Any]:
        assert context.keys() <= _SECURITY_KEYS, context.keys() - _SECURITY_KEYS
        privileged = context.get("privileged", False)
        made: dict[str, Any] = {
            "privileged": privileged,
            "namespace_options": self.namespaces,
            "readonly_rootfs": context.get("readOnlyRootFilesystem", False),
            "no_new_privs": not context.get("allowPrivilegeEscalation", True),
            "seccomp": {"profile_type": "Unconfined"},
        }
        if not privileged:
            made |= {"masked_paths": list(_MASKED), "readonly_paths": list(_READ_ONLY)}
        if "runAsUser" in context:
            made["run_as_user"] = {"value": str(context["runAsUser"])}
        if "seccompProfile" in context:
            made["seccomp"] = {"profile_type": context["seccompProfile"]["type"]}
        if profile := self._apparmor(name, context):
            made["apparmor"] = {"profile_type": profile}
            made["apparmor_profile"] = _APPARMOR_PROFILES[profile]
        if "seLinuxOptions" in context:
            made["selinux_options"] = context["seLinuxOptions"]
        if "capabilities" in context:
            capabilities = context["capabilities"]
            made["capabilities"] = {
                "add_capabilities": capabilities.get("add", []),
                "drop_capabilities": capabilities.get("drop", []),
            }
        return made

    def _apparmor(self, name: str, context: Resource) -> str:
        """The type of the container's profile; empty if it is for the runtime to choose.

        pkg/security/apparmor/helpers.go: the field goes before the annotation.
        """
        if "appArmorProfile" in context:
            profile: str = context["appArmorProfile"]["type"]
            return profile
        match self.annotations.get(f"{_APPARMOR}{name}"):
            case None:
                return ""
            case "unconfined":
                return "Unconfined"
            case other:
                raise AssertionError(other)


class ManifestContainer:
    """A started container of such a pod."""

    def __init__(self, pod: ManifestPod, name: str, attempt: int, identity: str) -> None:
        self.pod, self.name, self.attempt, self.id = pod, name, attempt, identity
        path = container_path(pod.node.driver, pod.group.path, identity)
        self.group = Group(pod.node.guest, path)

    def status(self) -> dict[str, Any]:
        """ContainerStatus."""
        return as_dict(self.pod.node.cri.call("ContainerStatus", container_id=self.id).status)

    def log(self) -> str:
        """Its log, without the runtime's columns."""
        try:
            text = self.pod.node.guest.read(f"{self.pod.logs}/{self.name}/{self.attempt}.log")
        except FileNotFoundError:
            return ""
        return "".join(f"{line.split(' ', 3)[3]}\n" for line in text.splitlines())

    def wait_exited(self) -> dict[str, Any]:
        """Its status once it has ended."""

        def exited() -> dict[str, Any] | None:
            status = self.status()
            return status if status.get("state") == "CONTAINER_EXITED" else None

        return until(exited, EXIT_SECONDS, f"{self.name} has exited", self.log)

    def stop(self) -> None:
        """StopContainer, with the pod's grace."""
        grace = self.pod.spec.get("terminationGracePeriodSeconds", 30)
        self.pod.node.cri.call(
            "StopContainer", seconds=120, container_id=self.id, timeout=str(grace)
        )


def _environment(entries: Any) -> dict[str, str]:
    """The variables, each expanded with those before it."""
    env: dict[str, str] = {}
    for entry in entries:
        match entry:
            case {"name": name, "value": str(value)}:
                env[name] = _expanded(value, env)
            case {"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}}:
                env[name] = _FIELDS[field]
            case _:
                raise AssertionError(entry)
    return env


def _expanded(text: str, env: Mapping[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda found: env.get(found[1], found[0]), text)


def _resources(resources: Resource) -> dict[str, Any]:
    """As for a pod of class Burstable and the priority system-node-critical."""
    milli = int(resources["requests"]["cpu"].removesuffix("m"))
    memory = _memory(resources["limits"])
    return {
        "cpu_shares": milli * 1024 // 1000,
        "memory_limit_in_bytes": memory,
        "memory_swap_limit_in_bytes": memory,
        "oom_score_adj": -997,
        "unified": {"memory.oom.group": "1"},
    }


def _memory(limits: Resource) -> int:
    text = limits["memory"]
    return int(text[:-2]) * _UNITS[text[-2:]]
