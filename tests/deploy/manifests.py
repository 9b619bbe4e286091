"""The manifests that ship, as they would be applied."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from agent import __version__
from tests.deploy.cleanup import clean_up_jobs
from tests.deploy.kustomize import Resource, build, containers, read

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
OVERLAYS = DEPLOY / "daemonset/overlays"


@cache
def applied() -> dict[str, list[Resource]]:
    """Each way to apply something, and its resources."""
    return {
        "privileged": build(OVERLAYS / "privileged"),
        "hardened": build(OVERLAYS / "hardened"),
        "hardened-before-1.30": build(OVERLAYS / "hardened-before-1.30"),
        "cleanup": clean_up_jobs(f"nodewitness:{__version__}", ["lab-node"]),
        "podmonitor": read(DEPLOY / "daemonset/podmonitor.yaml"),
        "certificate": read(DEPLOY / "daemonset/certificate.yaml"),
        "static-pod": read(DEPLOY / "static-pod/nodewitness.yaml"),
    }


@cache
def with_component(overlay: str, component: str) -> list[Resource]:
    """An overlay and a component, as a kustomization of somebody's own names them."""
    with TemporaryDirectory() as directory:
        own = {
            "resources": [str(OVERLAYS / overlay)],
            "components": [str(DEPLOY / "daemonset/components" / component)],
        }
        (Path(directory) / "kustomization.yaml").write_text(yaml.safe_dump(own))
        return build(Path(directory))


def with_pods() -> list[tuple[str, Resource]]:
    """All resources that make pods."""
    return [(name, one) for name, all_ in applied().items() for one in all_ if containers(one)]
