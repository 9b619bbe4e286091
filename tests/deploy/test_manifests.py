"""Manifests against the API's schemas and against the code: what they name exists, and is all."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from click import Command, Group

import agent
from agent.config import DEFAULT_PATH, EVERYWHERE, Address, Settings, load
from agent.host.capabilities import CAPABILITIES
from agent.main import main
from agent.serve.health import KEY
from tests.deploy.cleanup import JSONPATH, clean_up_jobs
from tests.deploy.kustomize import Resource, containers, pod_template, read, the
from tests.deploy.manifests import DEPLOY, applied, with_component, with_pods

ROOT = Path(agent.__file__).parents[1]
VERSIONS = tuple(f"1.{minor}" for minor in range(27, 35))
"""Those of Kubernetes that docs/install.md names."""
FIELD_OF_APPARMOR = VERSIONS.index("1.30")
ONLY = {
    "hardened": VERSIONS[FIELD_OF_APPARMOR:],
    "hardened-before-1.30": VERSIONS[:FIELD_OF_APPARMOR],
}
"""What is not for all of them."""
OVERLAYS = ("privileged", "hardened", "hardened-before-1.30")
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
FILES = sorted([*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.service"), *DEPLOY.rglob("*.toml")])
NAMES = [name for name, _ in with_pods()]
# What the kernel's log needs, which no container that is not privileged can open.
ONLY_PRIVILEGED = {"SYSLOG"}
_UNUSUAL = re.compile(r"\bhost(PID|Network|IPC): true|privileged: true|mountPath:|- SYS_")


def of(overlay: str) -> Resource:
    return the("DaemonSet", applied()[overlay])


def main_container(resource: Resource) -> Resource:
    return containers(resource)[-1]


def environment(container: Resource, host_ip: str = "10.0.64.12") -> dict[str, str]:
    """The agent's variables, with an address for what the node tells."""
    env = {e["name"]: e.get("value", "node-1") for e in container.get("env", ())}
    env["HOST_IP"] = host_ip
    expanded = {k: v.replace("$(HOST_IP)", env["HOST_IP"]) for k, v in env.items()}
    return {k: v for k, v in expanded.items() if k.startswith("NODEWITNESS_")}


def settings_of(overlay: str, tmp_path: Path) -> Settings:
    """As the agent in the pod would load them: nothing is unknown, nothing is a mistake."""
    text = the("ConfigMap", applied()[overlay])["data"][DEFAULT_PATH.name]
    (tmp_path / DEFAULT_PATH.name).write_text(text)
    return load(tmp_path / DEFAULT_PATH.name, environment(main_container(of(overlay))), {})


@pytest.mark.parametrize("host_ip", ["10.0.64.12", "fd00::12", ""])
def test_whatever_address_the_node_has(host_ip: str, tmp_path: Path) -> None:
    """None, where a kubelet without an API server does not find one: then all are meant."""
    (tmp_path / DEFAULT_PATH.name).touch()
    for pod in (pod_template(of("privileged")), the("Pod", applied()["static-pod"])):
        env = environment(pod["spec"]["containers"][-1], host_ip)
        serve = load(tmp_path / DEFAULT_PATH.name, env, {}).serve
        assert serve.metrics_address == Address(host_ip or EVERYWHERE, 9754)
        assert serve.health_address == Address(EVERYWHERE, 9756)


def versions(name: str) -> tuple[str, ...]:
    """Those that it is for."""
    return ONLY.get(name, VERSIONS)


@pytest.mark.parametrize(
    ("name", "version"), [(name, version) for name in applied() for version in versions(name)]
)
def test_schema(name: str, version: str) -> None:
    """Every resource is one of the API's of each version that it is for, with no unknown field: a
    kubectl refuses those. Custom ones are looked at below.
    """
    for resource in applied()[name]:
        if not resource["apiVersion"].startswith(("monitoring.coreos.com/", "cert-manager.io/")):
            kubernetes_validate.validate(resource, version, strict=True)


def test_field_that_is_too_new() -> None:
    """Why there are two hardened overlays: the older versions do not take the first."""
    with pytest.raises(kubernetes_validate.ValidationError, match="appArmorProfile"):
        kubernetes_validate.validate(of("hardened"), "1.29", strict=True)


def test_pod_monitor() -> None:
    """It selects the pods, scrapes a port that they have, and names the job as the rules do."""
    (monitor,) = applied()["podmonitor"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    for overlay in OVERLAYS:
        daemonset = of(overlay)
        labels = pod_template(daemonset)["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert labels[monitor["spec"]["jobLabel"]] == "nodewitness"
        ports = [port["name"] for port in main_container(daemonset)["ports"]]
        assert endpoint["port"] in ports
        assert monitor["metadata"]["namespace"] == daemonset["metadata"]["namespace"]
    assert endpoint["honorLabels"] is True


def test_certificate() -> None:
    """What cert-manager makes is the Secret that the pods mount, with the name that Prometheus
    checks; until there is one the pods start without.
    """
    resources = applied()["certificate"]
    ours = {r["metadata"]["name"]: r["spec"] for r in resources if r["kind"] == "Certificate"}
    issuers = {r["metadata"]["name"]: r["spec"] for r in resources if r["kind"] == "Issuer"}
    leaf, ca = ours["nodewitness"], ours["nodewitness-ca"]
    assert ca["isCA"] is True
    assert issuers[leaf["issuerRef"]["name"]]["ca"]["secretName"] == ca["secretName"]
    assert "selfSigned" in issuers[ca["issuerRef"]["name"]]
    (monitor,) = applied()["podmonitor"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["serverName"] in leaf["dnsNames"]
    assert endpoint["tlsConfig"]["ca"]["secret"] == {"name": leaf["secretName"], "key": "ca.crt"}
    for overlay in OVERLAYS:
        daemonset = of(overlay)
        (volume,) = [v for v in pod_template(daemonset)["spec"]["volumes"] if v["name"] == "tls"]
        assert volume["secret"]["secretName"] == leaf["secretName"]
        assert volume["secret"]["optional"] is True
        namespaces = {r["metadata"]["namespace"] for r in (*resources, monitor, daemonset)}
        assert len(namespaces) == 1


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings(overlay: str, tmp_path: Path) -> None:
    """File and variables are settings of the agent; ports and mounts are those that they name."""
    settings = settings_of(overlay, tmp_path)
    container = main_container(of(overlay))
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    serve = settings.serve
    assert serve.metrics_address is not None
    assert serve.health_address is not None, KEY
    assert ports == {"metrics": serve.metrics_address.port, "health": serve.health_address.port}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": serve.health_address.port}
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    written = {str(settings.state.directory), str(serve.socket.parent), "/sys/fs/cgroup"}
    assert {path for path, mount in mounts.items() if not mount.get("readOnly")} == written
    assert serve.metrics_tls
    assert serve.tls_certificate is not None
    assert serve.tls_key is not None
    assert (serve.tls_certificate.name, serve.tls_key.name) == ("tls.crt", "tls.key")  # a Secret's
    assert serve.tls_key.parent == serve.tls_certificate.parent
    certificates = str(serve.tls_certificate.parent)
    read = {str(DEFAULT_PATH.parent), str(settings.sources.pod_logs), certificates}
    runtime = mounts.keys() - written - read
    assert len(runtime) == 1
    (runtime_directory,) = map(Path, runtime)
    assert settings.sources.cri_socket.parent == runtime_directory
    assert settings.sources.bundles.is_relative_to(runtime_directory)
    assert str(settings.host.root) == "/proc/1/root"
    assert settings.sources.kmsg is (overlay == "privileged")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_host_paths(overlay: str) -> None:
    """A volume is at the same path in the pod, and no volume is left unused."""
    daemonset = of(overlay)
    volumes = {v["name"]: v for v in pod_template(daemonset)["spec"]["volumes"]}
    mounts = main_container(daemonset)["volumeMounts"]
    assert volumes.keys() == {mount["name"] for mount in mounts}
    for mount in mounts:
        if "hostPath" in volumes[mount["name"]]:
            assert volumes[mount["name"]]["hostPath"]["path"] == mount["mountPath"]


def test_hardened_capabilities() -> None:
    """Those of the code's table, in its order, but for what cannot work."""
    context = main_container(of("hardened"))["securityContext"]
    wanted = [c.name for c in CAPABILITIES if c.name not in ONLY_PRIVILEGED]
    assert context["capabilities"] == {"drop": ["ALL"], "add": wanted}
    assert not context.get("privileged", False)
    assert context["allowPrivilegeEscalation"] is False
    assert main_container(of("privileged"))["securityContext"]["privileged"] is True


def test_hardened_before_the_field() -> None:
    """The same pod, with its exemption from AppArmor where those versions look for it."""
    older, newer = (
        yaml.safe_load(yaml.safe_dump(pod_template(of(name))))
        for name in ("hardened-before-1.30", "hardened")
    )
    said = older["metadata"]["annotations"]
    for container in (*newer["spec"]["initContainers"], *newer["spec"]["containers"]):
        assert container["securityContext"].pop("appArmorProfile") == {"type": "Unconfined"}
        assert said.pop(f"{APPARMOR}{container['name']}") == "unconfined"
    assert older == newer


@pytest.mark.parametrize(("name", "resource"), with_pods(), ids=NAMES)
def test_nothing_confines_who_looks_at_the_host(name: str, resource: Resource) -> None:
    """All containers of ours use /proc/1/root, by an argument or a setting. Where AppArmor or
    SELinux is on that takes an exemption from both, whatever the capabilities: as a privileged
    container has it, or by name. The API takes no privileged one that may not gain privileges.
    """
    annotations = pod_template(resource)["metadata"].get("annotations", {})
    for container in containers(resource):
        context = container["securityContext"]
        if context.get("privileged"):
            assert context.get("allowPrivilegeEscalation", True) is True
            continue
        assert context["seLinuxOptions"] == {"type": "spc_t"}
        if versions(name)[0] < "1.30":
            assert annotations[f"{APPARMOR}{container['name']}"] == "unconfined"
            assert "appArmorProfile" not in context
        else:
            assert context["appArmorProfile"] == {"type": "Unconfined"}
        assert {"SYS_PTRACE"} <= set(context["capabilities"]["add"])


def test_capability_comments_name_their_modules() -> None:
    """Above each capability of the hardened overlay are the modules of the table, and no others."""
    text = (DEPLOY / "daemonset/overlays/hardened/daemonset.yaml").read_text()
    for capability in CAPABILITIES:
        if capability.name in ONLY_PRIVILEGED:
            continue
        found = re.search(rf"((?: *#.*\n)+) *- {capability.name}\n", text)
        assert found is not None, capability
        named = re.findall(r"agent/(\S+\.py)", found[1])
        assert sorted(named) == sorted(capability.modules), capability


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_named_modules_exist(file: Path) -> None:
    """Every module, page and directory of this repository that a comment names is there."""
    for word in re.findall(r"\b(?:agent|docs|deploy)/[\w./-]+\w", file.read_text()):
        assert (ROOT / word).exists(), word


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_everything_unusual_has_its_reason(file: Path) -> None:
    """A comment stands above each mount, host namespace and privilege, or behind it."""
    above = ""
    for line in file.read_text().splitlines():
        if _UNUSUAL.search(line):
            assert "#" in line or above.strip().startswith("#"), line
        above = line


@pytest.mark.parametrize(("name", "resource"), with_pods(), ids=NAMES)
def test_arguments(name: str, resource: Resource) -> None:
    """Each container runs a command of the agent, with options that it has."""
    for container in containers(resource):
        command, *words = container["args"]
        assert command in main.commands
        options = set(_options(main.commands[command]))
        assert {word for word in words if word.startswith("--")} <= options
        assert "command" not in container  # the image's entry point


@pytest.mark.parametrize(("name", "resource"), with_pods(), ids=NAMES)
def test_pod(name: str, resource: Resource) -> None:
    """What every pod of ours has, whatever makes it."""
    spec = pod_template(resource)["spec"]
    assert spec["hostPID"] is True
    assert spec["hostNetwork"] is True  # it must run where no pod gets a network
    assert spec["automountServiceAccountToken"] is False
    # Else a Service of our name would put an unknown variable into the agent's environment.
    assert spec["enableServiceLinks"] is False
    assert spec["priorityClassName"] == "system-node-critical"
    assert spec["tolerations"] == [{"operator": "Exists"}]
    for container in containers(resource):
        assert container["image"] == f"nodewitness:{agent.__version__}"
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "cpu" not in container["resources"]["limits"]


@pytest.mark.parametrize(
    "image",
    ["registry.example:5000/team/nodewitness:0.1.0", f"mirror.example/nw@sha256:{'5e' * 32}"],
)
def test_clean_up_has_the_image_of_the_daemonset(image: str) -> None:
    """One Job for each node, and each with what the operator has pushed, as the DaemonSet has it:
    nothing of the Job's own is pulled from a registry that nobody has named.
    """
    container, *others = pod_template(of("privileged"))["spec"]["containers"]
    assert container["image"]
    assert (JSONPATH, others) == ("{.spec.template.spec.containers[0].image}", [])
    jobs = clean_up_jobs(image, ["node-1", "node-2.example"])
    assert [pod_template(job)["spec"]["nodeName"] for job in jobs] == ["node-1", "node-2.example"]
    assert {one["image"] for job in jobs for one in containers(job)} == {image}
    # As it is in the file it is nobody's: a reference has no capitals.
    (unfilled,) = read(DEPLOY / "daemonset/cleanup/job.yaml")
    assert [one["image"] for one in containers(unfilled)] == ["IMAGE"]


def test_rolls_out_to_many_nodes() -> None:
    """A share of the nodes at a time, never two agents on one node."""
    strategy = of("privileged")["spec"]["updateStrategy"]
    assert strategy["type"] == "RollingUpdate"
    assert strategy["rollingUpdate"] == {"maxUnavailable": "2%", "maxSurge": 0}


def test_nothing_is_granted() -> None:
    """No role and no binding: without a component the agent does not ask the API server."""
    for resources in applied().values():
        for resource in resources:
            assert "rbac" not in resource["apiVersion"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_node_read(overlay: str, tmp_path: Path) -> None:
    """The optional component grants `get` of nodes and of their leases and nothing else, mounts a
    token into the agent alone, and switches on what needs it.
    """
    resources = with_component(overlay, "node-read")
    for version in VERSIONS:
        for resource in resources:
            if "rbac" in resource["apiVersion"]:
                kubernetes_validate.validate(resource, version, strict=True)
    granted = {
        (r["kind"], r["metadata"].get("namespace", "")): r["rules"]
        for r in resources
        if "rules" in r
    }
    assert granted == {
        ("ClusterRole", ""): [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}],
        ("Role", "kube-node-lease"): [
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"]}
        ],
    }
    account = the("ServiceAccount", resources)["metadata"]
    for kind, role in (("ClusterRoleBinding", "ClusterRole"), ("RoleBinding", "Role")):
        binding = the(kind, resources)
        assert binding["roleRef"]["name"] == the(role, resources)["metadata"]["name"]
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
        ]
    daemonset = the("DaemonSet", resources)
    spec, plain = pod_template(daemonset)["spec"], pod_template(of(overlay))["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["initContainers"] == plain["initContainers"]
    (volume,) = [each for each in spec["volumes"] if each not in plain["volumes"]]
    container = main_container(daemonset)
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == volume["name"]]
    text = the("ConfigMap", resources)["data"][DEFAULT_PATH.name]
    (tmp_path / DEFAULT_PATH.name).write_text(text)
    settings = load(tmp_path / DEFAULT_PATH.name, environment(container), {})
    assert settings.api_server.read_node
    assert not settings_of(overlay, tmp_path).api_server.read_node
    paths = {str(settings.api_server.ca), str(settings.api_server.token)}
    assert paths == {f"{mount['mountPath']}/{name}" for name in ("ca.crt", "token")}
    for version in versions(overlay):
        kubernetes_validate.validate(daemonset, version, strict=True)


def test_static_pod_is_the_daemonsets() -> None:
    """The pod of the privileged overlay, but for what only the API server could give it."""
    (static,) = applied()["static-pod"]
    spec = yaml.safe_load(yaml.safe_dump(static["spec"]))
    wanted = yaml.safe_load(yaml.safe_dump(pod_template(of("privileged"))["spec"]))
    del wanted["serviceAccountName"]
    (config,) = [volume for volume in wanted["volumes"] if volume["name"] == "config"]
    del config["configMap"]
    config["hostPath"] = {"path": str(DEFAULT_PATH.parent), "type": "DirectoryOrCreate"}
    (tls,) = [volume for volume in wanted["volumes"] if volume["name"] == "tls"]
    del tls["secret"]
    tls["hostPath"] = {"path": "/etc/nodewitness-tls", "type": "DirectoryOrCreate"}
    for container in (*wanted["initContainers"], *wanted["containers"]):
        container["imagePullPolicy"] = "Never"
    toml = tomllib.loads((DEPLOY / "daemonset/base/config.toml").read_text())
    names = [
        {
            "name": f"NODEWITNESS_{section}_{key}".upper(),
            "value": "true" if value is True else value,
        }
        for section, pairs in toml.items()
        for key, value in pairs.items()
    ]
    wanted["containers"][0]["env"][:0] = names
    for key in ("nodeSelector",):
        del wanted[key]
    assert spec == wanted


def _options(command: Command) -> Iterator[str]:
    assert not isinstance(command, Group)
    for parameter in command.params:
        yield from parameter.opts
