"""The clean-up Jobs, as the commands of docs/install.md make them: these are run, in a shell whose
kubectl knows a DaemonSet and some nodes.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tests.deploy.kustomize import Resource

ROOT = Path(__file__).resolve().parents[2]
JSONPATH = "{.spec.template.spec.containers[0].image}"
"""What the commands ask the DaemonSet for."""
# It answers the four calls of the commands, and keeps what is created; there is no other.
_KUBECTL = """#!/bin/sh
case "$*" in
"-n nodewitness get daemonset nodewitness -o jsonpath={path}")
    test ! -e deleted && printf %s "$IMAGE" ;;
"-n nodewitness delete daemonset nodewitness") touch deleted ;;
"get nodes -o name") printf 'node/%s\\n' $NODES ;;
"create -f -") test -e deleted && {{ echo ---; cat; }} >> created ;;
*) echo "kubectl: $*" >&2; exit 1 ;;
esac
"""


def commands() -> str:
    """Those of the page: the first block of its section."""
    text = (ROOT / "docs/install.md").read_text().partition("\n## Taking it away\n")[2]
    found = re.search(r"(?:^    .*\n)+", text, re.MULTILINE)
    assert found is not None
    return found[0]


def clean_up_jobs(image: str, nodes: Sequence[str]) -> list[Resource]:
    """What the commands create in a cluster of these nodes, whose DaemonSet has this image."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "bin").mkdir()
        kubectl = directory / "bin/kubectl"
        kubectl.write_text(_KUBECTL.format(path=JSONPATH))
        kubectl.chmod(0o755)
        (directory / "deploy").symlink_to(ROOT / "deploy")
        subprocess.run(
            ["sh", "-eu", "-c", commands()],
            cwd=directory,
            env={
                "PATH": f"{kubectl.parent}:/usr/bin:/bin",
                "IMAGE": image,
                "NODES": " ".join(nodes),
            },
            check=True,
        )
        return [one for one in yaml.safe_load_all((directory / "created").read_text()) if one]
