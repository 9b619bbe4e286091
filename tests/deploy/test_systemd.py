"""The unit and its installer against the code: what they name exists, and is all."""

import re
import shutil
import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import agent
from agent import __version__
from agent.config import Settings
from agent.config.settings import DEFAULT_PATH
from agent.daemon import WANTED_FDS
from agent.host.capabilities import CAPABILITIES
from agent.install import HOME
from tests.deploy.kustomize import containers, the
from tests.deploy.manifests import DEPLOY, applied

AGENT = Path(agent.__file__).parent
UNIT = DEPLOY / "systemd/nodewitness.service"
SCRIPT = DEPLOY / "systemd/install.sh"
# The host's group of that name may use the socket; in a pod there is none.
ONLY_HERE = {"CHOWN": ["serve/socket.py"]}


def settings() -> dict[str, list[str]]:
    """Each key of the unit, and its values in order."""
    found = defaultdict(list)
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def test_capabilities() -> None:
    """Those of the code's table, in its order, and what only a host's group needs."""
    wanted = [*ONLY_HERE, *(capability.name for capability in CAPABILITIES)]
    assert settings()["CapabilityBoundingSet"] == [f"CAP_{name}" for name in wanted]
    text = UNIT.read_text()
    modules = ONLY_HERE | {c.name: list(c.modules) for c in CAPABILITIES}
    for name, wanted in modules.items():
        found = re.search(rf"((?:^#.*\n)+)CapabilityBoundingSet=CAP_{name}\n", text, re.MULTILINE)
        assert found is not None, name
        assert sorted(re.findall(r"agent/(\S+\.py)", found[1])) == sorted(wanted), name


# Where each is in systemd's groups, which systemd-analyze(1) lists.
FILTERED = {
    "bpf": "bpf",
    "fsopen": "@mount",
    "fsconfig": "@mount",
    "fsmount": "@mount",
    "setns": "@system-service",
    "mlock2": "@system-service",
    "inotify_init1": "@system-service",
    "inotify_add_watch": "@system-service",
    "inotify_rm_watch": "@system-service",
    "getsockopt": "@system-service",
}
_BY_NUMBER = {
    "host/tracefs.py": {"fsopen", "fsconfig", "fsmount"},
    "host/bpf.py": {"bpf"},
}
"""What is called by its number, for no libc has a function for it."""
_FUNCTION = re.compile(r"(?:_libc|CDLL\(None(?:, use_errno=True)?\))\.(\w+)")


def test_system_calls() -> None:
    """Each that the agent makes by itself, and not by Python, passes the unit's filter."""
    words = settings()["SystemCallFilter"][0].split()
    by_number, named = set(), set()
    for file in AGENT.rglob("*.py"):
        found = set(_FUNCTION.findall(text := file.read_text()))
        if "syscall" in found:
            by_number.add(str(file.relative_to(AGENT)))
        named |= found - {"syscall"}
        numbers = {name.lower() for name in re.findall(r"^NR_(\w+) = ", text, re.MULTILINE)}
        assert numbers <= _BY_NUMBER.get(str(file.relative_to(AGENT)), set())
    assert by_number == _BY_NUMBER.keys()
    assert named.union(*_BY_NUMBER.values()) == FILTERED.keys()
    assert set(FILTERED.values()) <= set(words)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
@pytest.mark.parametrize("call", FILTERED)
def test_systemd_has_it_in_that_group(call: str) -> None:
    """And bpf(2) in none of the others."""
    groups = [group for group in ("@system-service", "@mount") if call in _members(group)]
    assert groups == [FILTERED[call]] if call != "bpf" else groups == []


@cache
def _members(group: str) -> frozenset[str]:
    shown = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout
    words = {line.strip() for line in shown.splitlines()[1:] if line.startswith("    ")}
    nested = (_members(word) for word in words if word.startswith("@"))
    return frozenset(words).union(*nested)


def test_paths() -> None:
    """The directories that systemd makes are those of the agent's defaults."""
    unit, default = settings(), Settings()
    assert f"/var/lib/{unit['StateDirectory'][0]}" == str(default.state.directory)
    assert f"/run/{unit['RuntimeDirectory'][0]}" == str(default.serve.socket.parent)
    assert f"/etc/{unit['ConfigurationDirectory'][0]}" == str(DEFAULT_PATH.parent)
    assert unit["ExecStart"] == [f"{HOME}/current/bin/nodewitness run"]
    assert unit["LimitNOFILE"] == [str(WANTED_FDS)]


def test_as_in_the_pod() -> None:
    """The limit of memory is the DaemonSet's."""
    (container,) = [
        container
        for container in containers(the("DaemonSet", applied()["privileged"]))
        if container["name"] == "nodewitness"
    ]
    assert f"{settings()['MemoryMax'][0]}i" == container["resources"]["limits"]["memory"]


def layers(directory: Path, tmp_path: Path) -> None:
    """What `make image` makes, in small."""
    tree = tmp_path / f"opt/nodewitness/{__version__}"
    (tree / "bin").mkdir(parents=True, exist_ok=True)
    (tree / "bin/python3.11").write_text("interpreter")
    command = ["tar", "-C", str(tmp_path), "-cf", str(directory / "base.tar"), "opt"]
    subprocess.run(command, check=True)
    (tree / "bin/python3.11").unlink()
    (tree / "bin/nodewitness").write_text("program")
    command[4] = str(directory / "agent.tar")
    subprocess.run(command, check=True)
    (tree / "bin/nodewitness").unlink()


def run(*words: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT), *words],
        env={"DESTDIR": str(root), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_install_from_the_image(tmp_path: Path) -> None:
    """Both layers become one tree, links lead to it, the unit is there; it can be repeated."""
    root, made = tmp_path / "root", tmp_path / "made"
    made.mkdir()
    layers(made, tmp_path / "scratch")
    for _ in range(2):
        done = run("--image", str(made), root=root)
        assert done.returncode == 0, done.stderr
        assert f"installed nodewitness {__version__}" in done.stdout
    home = root / "opt/nodewitness"
    assert sorted(path.name for path in home.iterdir()) == [__version__, "current"]
    tree = home / "current"
    assert sorted(path.name for path in (tree / "bin").iterdir()) == ["nodewitness", "python3.11"]
    assert (root / "usr/local/bin/nodectl").readlink() == HOME / "current/bin/nodectl"
    unit = root / "etc/systemd/system/nodewitness.service"
    assert unit.read_bytes() == UNIT.read_bytes()


@pytest.mark.parametrize("words", [(), ("--image",), ("--python", "x"), ("--help",)], ids=str)
def test_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    """Anything else says how, and does nothing."""
    done = run(*words, root=tmp_path / "root")
    assert (done.returncode, done.stdout) == (2, "")
    assert "install.sh --image DIRECTORY" in done.stderr
    assert "install.sh --python" in done.stderr
    assert not (tmp_path / "root").exists()


def test_no_image(tmp_path: Path) -> None:
    """A directory without layers is refused before anything is made."""
    done = run("--image", str(tmp_path), root=tmp_path / "root")
    assert done.returncode != 0
    assert not (tmp_path / "root").exists()
