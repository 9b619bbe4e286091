"""`kustomize build`, as far as deploy/daemonset uses it: whatever is more is an error.

resources, components, namespace, images with newTag, configMapGenerator from files, strategic merge
patches, in which null takes a field away.

https://kubectl.docs.kubernetes.io/references/kustomize/
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]
CLUSTER_SCOPED = ("Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass")
# Lists that are merged by a key; all others are replaced (patchMergeKey of the API's Go types).
_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
}
_KNOWN = frozenset(
    (
        *("apiVersion", "kind", "namespace", "resources", "components", "images", "patches"),
        "configMapGenerator",
    )
)


def read(path: Path) -> list[Resource]:
    """The documents of a file of YAML."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def build(directory: Path) -> list[Resource]:
    """What `kubectl apply -k` of the directory would apply."""
    (kustomization,) = read(directory / "kustomization.yaml")
    assert kustomization.keys() <= _KNOWN, kustomization.keys() - _KNOWN
    resources = list(_resources(directory, kustomization.get("resources", ())))
    for name in kustomization.get("components", ()):
        (component,) = read(directory / name / "kustomization.yaml")
        assert component["kind"] == "Component"
        assert component.keys() == {"apiVersion", "kind", "resources", "patches"}
        resources += _resources(directory / name, component["resources"])
        _patch(resources, directory / name, component)
    _patch(resources, directory, kustomization)
    for generator in kustomization.get("configMapGenerator", ()):
        made = _config_map(directory, generator)
        _rename_config_map(resources, generator["name"], made["metadata"]["name"])
        resources.append(made)
    if namespace := kustomization.get("namespace"):
        for resource in resources:
            if resource["kind"] not in CLUSTER_SCOPED:
                resource["metadata"]["namespace"] = namespace
    for image in kustomization.get("images", ()):
        assert image.keys() == {"name", "newTag"}
        for container in (c for r in resources for c in containers(r)):
            if container["image"] == image["name"]:
                container["image"] = f"{image['name']}:{image['newTag']}"
    return resources


def _patch(resources: list[Resource], directory: Path, kustomization: Resource) -> None:
    for patch in kustomization.get("patches", ()):
        assert patch.keys() == {"path"}
        for document in read(directory / patch["path"]):
            (target,) = [r for r in resources if _identity(r) == _identity(document)]
            _merge(target, document)


def pod_template(resource: Resource) -> Resource:
    """Metadata and spec of the pods that a resource makes."""
    if resource["kind"] == "Pod":
        return resource
    template: Resource = resource["spec"]["template"]
    return template


def containers(resource: Resource) -> list[Resource]:
    """All containers of a resource's pods, the first ones to run first; none if it has no pods."""
    if resource["kind"] not in ("DaemonSet", "Job", "Pod"):
        return []
    spec = pod_template(resource)["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


def the(kind: str, resources: Iterable[Resource]) -> Resource:
    """The only one of a kind."""
    (found,) = [resource for resource in resources if resource["kind"] == kind]
    return found


def _resources(directory: Path, names: Iterable[str]) -> Iterable[Resource]:
    for name in names:
        path = directory / name
        yield from build(path) if path.is_dir() else read(path)


def _identity(resource: Resource) -> tuple[str, str, str]:
    metadata = resource["metadata"]
    return resource["kind"], metadata.get("namespace", ""), metadata["name"]


def _merge(target: Resource, patch: Resource) -> None:
    for key, value in patch.items():
        here = target.get(key)
        if value is None:
            del target[key]
        elif isinstance(value, dict) and isinstance(here, dict):
            _merge(here, value)
        elif isinstance(value, list) and isinstance(here, list) and key in _KEYS:
            _merge_list(here, value, _KEYS[key])
        else:
            target[key] = value


def _merge_list(target: list[Resource], patch: list[Resource], key: str) -> None:
    """What is new comes first, as kustomize has it."""
    known = {entry[key]: entry for entry in target}
    for entry in patch:
        if entry[key] in known:
            _merge(known[entry[key]], entry)
    target[:0] = [entry for entry in patch if entry[key] not in known]


def _config_map(directory: Path, generator: Resource) -> Resource:
    """Its name ends in a hash of its content; which one is kustomize's affair."""
    assert generator.keys() == {"name", "files"}
    data = {name: (directory / name).read_text() for name in generator["files"]}
    suffix = hashlib.sha256(repr(data).encode()).hexdigest()[:10]
    metadata = {"name": f"{generator['name']}-{suffix}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _rename_config_map(resources: list[Resource], old: str, new: str) -> None:
    for resource in resources:
        if containers(resource):
            for volume in pod_template(resource)["spec"].get("volumes", ()):
                if volume.get("configMap", {}).get("name") == old:
                    volume["configMap"]["name"] = new
