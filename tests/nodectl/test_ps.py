"""`nodectl ps` and `nodectl pods`."""

from __future__ import annotations

import json

import pytest
import yaml

from agent.api.v1 import containers_pb2 as pb
from agent.api.v1 import node_agent_pb2 as wire
from agent.nodectl.show.usage import containers, cores, pods
from tests.nodectl.conftest import Run
from tests.nodectl.fake_agent import FakeAgent


def names(output: str) -> list[str]:
    return [line.split()[-1] for line in output.splitlines()[1:]]


@pytest.mark.parametrize(
    ("by", "first"),
    [
        ("memory", "gateway"),
        ("cpu", "app"),
        ("throttled", "app"),
        ("left", "gateway"),
        ("name", "gateway"),
    ],
)
def test_sort(agent: FakeAgent, run: Run, by: str, first: str) -> None:
    """The most first; what is not known goes last."""
    result = run("ps", "--sort", by)
    assert result.exit_code == 0, result.output
    assert names(result.output)[0] == first
    assert run("pods", "--sort", by).exit_code == 0


def test_filters(agent: FakeAgent, run: Run) -> None:
    """They are the agent's work."""
    run("ps", "-n", "shop", "--pod", "web-0", "--sandboxes")
    assert agent.requests[-1] == wire.ListContainersRequest(
        namespace="shop", pod="web-0", sandboxes=True
    )
    run("ps", "--services", "-A", "-n", "shop")
    assert agent.requests[-1] == wire.ListContainersRequest(services=True)
    run("ps", "-A")
    assert agent.requests[-1] == wire.ListContainersRequest()
    run("pods", "-n", "shop", "--pod", "web-0")
    assert agent.requests[-1] == wire.ListPodsRequest(namespace="shop", pod="web-0")


@pytest.mark.parametrize("narrow", [("-n", "shop"), ("--pod", "web-0")])
def test_services_of_a_pod(agent: FakeAgent, run: Run, narrow: tuple[str, str]) -> None:
    """There are none: refused, and not answered with nothing."""
    result = run("ps", "--services", *narrow)
    assert result.exit_code == 2
    assert "services are of no pod" in result.output
    assert not agent.requests


def test_wide(agent: FakeAgent, run: Run) -> None:
    """All figures, the state and the pid; the UID in full."""
    head, gateway, *_ = run("ps", "-o", "wide").output.splitlines()
    assert head.split()[-5:] == ["STATE", "PID", "NAMESPACE", "POD", "CONTAINER"]
    for cell in ("1.3Gi", "1,042", "1.5Mi/s", "21%", "running", "4711"):
        assert cell in gateway
    assert "77770c7e-1111-4222-8333-444455556666" in run("ps", "-o", "wide").output
    assert "6b1f0c7e-1111-4222-8333-444455556666" in run("pods", "-o", "wide").output


@pytest.mark.parametrize(("command", "field"), [("ps", "containers"), ("pods", "pods")])
def test_for_programs(agent: FakeAgent, run: Run, command: str, field: str) -> None:
    found = json.loads(run(command, "-o", "json").output)
    assert found[field][0]["usage"]["memory"]["limit"].isdigit()
    assert "time_to_limit" not in found[field][1]["usage"]["memory"]
    assert yaml.safe_load(run(command, "-o", "yaml").output) == found


def test_nothing_and_not_all(agent: FakeAgent, run: Run) -> None:
    """An empty list is said, and so is what is missing from a list."""
    agent.containers = wire.ListContainersResponse(missed=3)
    agent.pods = wire.ListPodsResponse(truncated=True)
    assert run("ps").output.startswith("No containers.\n\n3 cgroups could not be read")
    assert "narrow it with" in run("pods").output


def test_hostile_names() -> None:
    """No control character of a name reaches the terminal."""
    listed = wire.ListContainersResponse(
        containers=[
            pb.ContainerUsage(namespace="a\x1b[2J", pod="b\nc", container="d\x07"),
            pb.ContainerUsage(kind=pb.CONTAINER_KIND_SERVICE, unit="e\x1b"),
        ]
    )
    found = wire.ListPodsResponse(pods=[pb.PodUsage(namespace="a\x1b[2J", pod="b\nc", qos="\x07")])
    for wide in (False, True):
        for text in (containers(listed, 1, wide=wide), pods(found, 1, wide=wide)):
            assert all(line.isprintable() for line in text.splitlines())
            assert "b\\x0ac" in text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.25, "250m"), (1.5, "1500m"), (2, "2"), (12.46, "12.5")]
)
def test_cores(value: float, text: str) -> None:
    assert cores(value) == text
