"""The house itself: what no linter looks at."""

import importlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import agent

ROOT = Path(agent.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = ("requirements-build.lock", "requirements.lock", "requirements-dev.lock")
RUNTIME = {Requirement(line).name: Requirement(line) for line in PROJECT["dependencies"]}
STUBS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "agent").rglob("*_pb2*.py")
)


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_version_has_one_source() -> None:
    """What is installed says the same as `agent.__version__`."""
    assert version("nodewitness") == agent.__version__


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_hashes_and_no_place(lock: str) -> None:
    """Every line is a pinned version, a hash or a comment: no index, no host, no path."""
    lines = (ROOT / lock).read_text().splitlines()
    pin = r"[a-z0-9-]+==[0-9][0-9a-z.]* \\"
    line_of_a_lock = re.compile(rf"{pin}|    --hash=sha256:[0-9a-f]{{64}}( \\)?| *#.*|")
    assert [line for line in lines if not line_of_a_lock.fullmatch(line)] == []
    assert [line for line in lines if re.search(r"://|(^|\s)/", line)] == []
    hashed = re.findall(rf"^({pin})\n    --hash", (ROOT / lock).read_text(), re.MULTILINE)
    assert len(hashed) == len(pins(lock)) > 0


def test_locks_agree() -> None:
    """What is tested is what is run: the development lock holds the versions of the others."""
    development = pins("requirements-dev.lock")
    for lock in LOCKS:
        assert pins(lock).items() <= development.items()


@pytest.mark.parametrize("requirement", RUNTIME.values(), ids=RUNTIME)
def test_dependency_is_bounded_and_locked(requirement: Requirement) -> None:
    """A dependency has a lower and an upper bound, and the lock stands between them."""
    assert {specifier.operator for specifier in requirement.specifier} == {">=", "<"}
    assert requirement.specifier.contains(pins("requirements.lock")[requirement.name])


@pytest.mark.parametrize("module", STUBS)
def test_stub_loads_with_every_runtime_that_we_allow(module: str) -> None:
    """protobuf and grpc refuse code that is newer than they are, so no lower bound is older."""
    text = Path(str(importlib.import_module(module).__file__)).read_text()
    protobuf = re.search(r"^# Protobuf Python Version: (\S+)$", text, re.MULTILINE)
    grpc = re.search(r"^GRPC_GENERATED_VERSION = '(\S+)'$", text, re.MULTILINE)
    assert (protobuf is None) == module.endswith("_grpc")
    for name, generated in (("protobuf", protobuf), ("grpcio", grpc)):
        if generated is not None:
            (lowest,) = (s.version for s in RUNTIME[name].specifier if s.operator == ">=")
            assert Version(lowest) >= Version(generated[1])


def test_make_help_lists_every_target() -> None:
    """Nothing that make can do is a secret."""
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (\w+)$", makefile, re.MULTILINE)
    assert re.findall(r"^##: (\w+) ", makefile, re.MULTILINE) == phony


@pytest.mark.parametrize(
    ("start", "seldom"),
    [
        ("agent.main, agent.daemon", "cgroupspy google.protobuf.descriptor_pb2 pyroute2 yaml"),
        ("agent.nodectl.main, agent.nodectl.status", "asyncio google.protobuf grpc tabulate yaml"),
    ],
)
def test_start_is_not_kept_by_what_is_seldom_needed(start: str, seldom: str) -> None:
    """Every start would pay for it, in time and in memory."""
    says = f"import sys, {start}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", says], capture_output=True, text=True, check=True)
    assert not set(seldom.split()) & set(done.stdout.split())


def test_no_thread_is_left_out_of_the_count() -> None:
    """All workers are of agent.host.worker.Pools, but for the journal's, which is open before."""
    makes = re.compile(r"\bWorkers\(")
    makers = [path for path in (ROOT / "agent").rglob("*.py") if makes.search(path.read_text())]
    assert {path.relative_to(ROOT / "agent").as_posix() for path in makers} == {
        "host/worker.py",
        "state/journal.py",
    }


def test_no_room_without_a_name() -> None:
    """A module is called after what it holds."""
    nameless = re.compile(r"(utils?|common|helpers?|misc|managers?|shared)(_\w+)?")
    modules = [path for top in ("agent", "tests", "tools") for path in (ROOT / top).rglob("*.py")]
    assert [path for path in modules if nameless.fullmatch(path.stem)] == []
