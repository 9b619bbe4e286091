"""ListContainers, ListPods, and the families of what containers use."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.api.v1 import containers_pb2 as wire
from agent.api.v1 import node_agent_pb2 as pb
from agent.inventory.running import Running
from agent.serve.container_series import FAMILIES, ContainerSeries
from agent.serve.containers import containers, pods
from agent.serve.negotiate import Format
from agent.serve.pages import Pages
from agent.serve.statistics import HttpStatistics
from tests.serve.sample import SampleView
from tests.serve.test_pages import named, samples, value
from tests.serve.turns import turns_during
from tests.serve.usage_sample import MI, NS, POD_UID, RUNNING, record

APP = {"namespace": "shop", "pod": "web-0", "container": "app"}
PROXY = {**APP, "container": "proxy"}


async def test_containers() -> None:
    """Everything that is known is on the wire; no limit and not known are absent."""
    answer = await containers(pb.ListContainersRequest(), RUNNING)
    app, proxy = answer.containers
    assert (app.namespace, app.pod, app.container) == ("shop", "web-0", "app")
    assert (app.state, app.init_pid, app.qos) == (wire.CGROUP_STATE_RUNNING, 4711, "burstable")
    assert app.started.seconds == 1_789_998_800
    memory = app.usage.memory
    assert (memory.current, memory.working_set) == (65 * MI, 64 * MI)
    assert (memory.limit, memory.limit_hits, memory.oom_kills) == (128 * MI, 7, 1)
    assert not memory.HasField("high")
    assert not memory.HasField("min")
    assert (memory.time_to_limit.seconds, memory.growth) == (67, 1e6)
    assert (app.usage.cpu.limit_cores, app.usage.cpu.cores) == (0.5, 0.31)
    assert app.usage.cpu.throttled.ToMilliseconds() == 1250
    assert (app.usage.io.read_bytes, app.usage.io.writes) == (111, 6)
    assert app.usage.cpu_pressure.waiting_ratio == 0.5
    assert not app.usage.memory_pressure.HasField("waiting_ratio")
    assert (app.usage.pids, app.usage.pids_limit) == (17, 4915)
    assert not proxy.usage.HasField("rates_over")
    assert not proxy.usage.memory.HasField("limit")


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (pb.ListContainersRequest(sandboxes=True), ["POD", "app", "proxy"]),
        (pb.ListContainersRequest(services=True), ["app", "proxy", ""]),
        (pb.ListContainersRequest(services=True, pod="web-0"), ["app", "proxy"]),
        (pb.ListContainersRequest(pod=POD_UID, namespace="shop"), ["app", "proxy"]),
        (pb.ListContainersRequest(namespace="other"), []),
        (pb.ListContainersRequest(pod="web"), []),
    ],
)
async def test_filters(request_: pb.ListContainersRequest, names: list[str]) -> None:
    assert [each.container for each in (await containers(request_, RUNNING)).containers] == names


async def test_pods() -> None:
    """The pod's own cgroup; its sandbox is no container of it."""
    [pod] = (await pods(pb.ListPodsRequest(), RUNNING)).pods
    assert (pod.pod, pod.containers, pod.running, pod.qos) == ("web-0", 2, 2, "burstable")
    assert pod.usage.memory.working_set == 99 * MI
    assert not (await pods(pb.ListPodsRequest(namespace="other"), RUNNING)).pods


async def test_before_the_first_sweep() -> None:
    """Who is there is told; what they use is not known."""
    running = replace(RUNNING, report=None)
    app, _ = (await containers(pb.ListContainersRequest(services=True), running)).containers
    assert app.state == wire.CGROUP_STATE_UNKNOWN
    assert not app.HasField("usage")
    assert not (await pods(pb.ListPodsRequest(), running)).pods[0].HasField("usage")
    assert list(ContainerSeries().pieces(running, Format.TEXT)) == []


async def test_a_long_list_lets_others_run() -> None:
    """While it is encoded, the event loop serves others."""
    many = replace(RUNNING, containers=RUNNING.containers * 500, pods=RUNNING.pods * 1000)
    listed = len((await containers(pb.ListContainersRequest(), many)).containers)
    assert await turns_during(containers(pb.ListContainersRequest(), many)) == listed // 100
    assert await turns_during(pods(pb.ListPodsRequest(), many)) == 10


async def test_a_list_that_is_too_long() -> None:
    """It is cut, and says so."""
    many = tuple(
        replace(
            RUNNING.containers[0],
            names=replace(RUNNING.containers[0].names, name=f"{number:05}" + "x" * 250),
        )
        for number in range(9_000)
    )
    answer = await containers(pb.ListContainersRequest(), replace(RUNNING, containers=many))
    assert answer.truncated
    assert 3 << 19 < answer.ByteSize() < 4 << 20


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("memory_working_set_bytes", APP, 64 * MI),
        ("memory_usage_bytes", PROXY, 33 * MI),
        ("memory_limit_bytes", APP, 128 * MI),
        ("memory_limit_bytes", PROXY, None),
        ("memory_limit_time_left_seconds", APP, 67.1),
        ("memory_limit_time_left_seconds", PROXY, None),
        ("memory_limit_hits_total", APP, 7),
        ("cpu_usage_seconds_total", APP, 2.5),
        ("cpu_limit_cores", APP, 0.5),
        ("cpu_cfs_throttled_seconds_total", APP, 1.25),
        ("pressure_memory_stalled_seconds_total", PROXY, 0.5),
        ("pids", APP, 17),
        ("io_read_bytes_total", APP, 111),
    ],
)
@pytest.mark.parametrize("form", Format)
def test_series(name: str, labels: dict[str, str], expected: float | None, form: Format) -> None:
    read = samples(Pages(SampleView(), HttpStatistics()), form)
    assert value(read, f"container_{name}", **labels) == expected


def test_every_family_has_a_sample() -> None:
    """The sample has all that there can be; sandboxes have nothing."""
    read = samples(Pages(SampleView(), HttpStatistics()))
    for family in FAMILIES:
        found = named(read, family.name.removeprefix("nodewitness_"))
        assert {labels["container"] for labels in found} <= {"app", "proxy"}
        assert APP in found


def test_one_series_for_a_container_that_came_again() -> None:
    """Of two cgroups with the same names the later one counts, hostile names included."""
    forged = 'x"} 1\n'
    old, new = record(10, forged), record(11, forged, first_seen_ns=2 * NS)
    for both in ((old, new), (new, old)):
        running = Running(containers=both, pods=(), wall_offset_ns=0, report=RUNNING.report)
        piece = next(ContainerSeries().pieces(running, Format.TEXT))
        assert piece.count(b"\n") == 3
        assert piece.endswith(f"}} {32 * MI}\n".encode())
