"""Our `kustomize build` against the real one, where there is a kubectl: the same resources."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.kustomize import Resource
from tests.deploy.manifests import DEPLOY, OVERLAYS, applied, with_component

KUBECTL = shutil.which("kubectl")
_HASHED = re.compile(r"\bnodewitness-[0-9a-z]{10}\b")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="no kubectl on this machine")


def kubectl(directory: Path) -> list[Resource]:
    """What `kubectl apply -k` of the directory would apply; no cluster is asked."""
    assert KUBECTL is not None
    done = subprocess.run(
        [KUBECTL, "kustomize", str(directory)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def alike(resources: list[Resource]) -> list[Any]:
    """Without what is a matter of taste: the hash of a file, the order of what has names."""
    text = _HASHED.sub("nodewitness-HASH", yaml.safe_dump(resources))
    ordered: list[Any] = _ordered([{**each, "name": each["kind"]} for each in yaml.safe_load(text)])
    return ordered


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(each) for key, each in value.items()}
    if isinstance(value, list):
        entries = [_ordered(each) for each in value]
        if all(isinstance(each, dict) and "name" in each for each in entries):
            entries.sort(key=lambda each: (str(each["name"]), yaml.safe_dump(each)))
        return entries
    return value


@pytest.mark.parametrize("overlay", sorted(path.name for path in OVERLAYS.iterdir()))
def test_overlay(overlay: str, tmp_path: Path) -> None:
    """Alone, and with the component in a kustomization as docs/install.md has it."""
    assert alike(kubectl(OVERLAYS / overlay)) == alike(applied()[overlay])
    own = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(OVERLAYS / overlay, tmp_path)],
        "components": [os.path.relpath(DEPLOY / "daemonset/components/node-read", tmp_path)],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    assert alike(kubectl(tmp_path)) == alike(with_component(overlay, "node-read"))
