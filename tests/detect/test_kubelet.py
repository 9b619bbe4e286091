"""KubeletDown and KubeletDisagrees."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import kubelet_disagrees, kubelet_down
from agent.detect.scene import Scene
from agent.model.afterlife import Task
from agent.model.cni import NetworkHealth
from agent.model.condition import Finding
from agent.model.kubelet import START_SECONDS, KubeletReport
from agent.model.runtime import ProcessKey, RungState, RuntimeReport
from tests.detect.test_node_misreported import CRI
from tests.serve.cni_sample import CNI, CONFIG
from tests.serve.kubelet_sample import FORMER, HEALTHZ, KUBELET, PROCESS, WELL
from tests.serve.runtime_sample import NOW_NS, RUNTIME, ago

BLOCKED = Task(pid=1044, tid=1049, comm="kubelet", state="D", start_boottime_ns=1, wchan="wb_wait")
HANGS = (
    "kubelet[1044] runs (state S, 19 threads); its healthz at 127.0.0.1:10248 has not answered for"
    " 74 s, and may take 5 s; its own cpu.max stopped it in 97 % of the periods"
)
GONE = replace(KUBELET, process=None, healthz=None)
REFUSED = replace(HEALTHZ, state=RungState.FAILED, detail="nobody listens")
SICK = replace(HEALTHZ, state=RungState.FAILED, status=500, detail="[-]syncloop failed")


def down(report: KubeletReport | None) -> list[Finding]:
    seen = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, kubelet=report)
    return list(kubelet_down.DETECTOR.detect(seen))


def disagrees(report: KubeletReport | None, runtime: RuntimeReport | None = None) -> list[Finding]:
    seen = Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, kubelet=report, runtime=runtime)
    return list(kubelet_disagrees.DETECTOR.detect(seen))


@pytest.mark.parametrize(
    ("report", "reason", "words"),
    [
        (
            KUBELET,
            "HealthzHangs",
            HANGS,
        ),
        (
            replace(KUBELET, process=replace(PROCESS, blocked=(BLOCKED, BLOCKED))),
            "Blocked",
            "kubelet[1044] has a thread in state D in wb_wait and 1 more; its healthz",
        ),
        (
            replace(WELL, process=replace(PROCESS, state="T")),
            "Stopped",
            "kubelet[1044] is stopped (state T)",
        ),
        (replace(KUBELET, healthz=REFUSED), "HealthzRefuses", "cannot be asked: nobody listens"),
        (replace(KUBELET, healthz=SICK), "HealthzFails", "answers 500: [-]syncloop failed"),
        (GONE, "Dead", "kubelet[702] is gone for 3602 s: it exited with code 1"),
        (
            replace(GONE, former=replace(FORMER, oom_killed=True), healthz=REFUSED),
            "OOMKilled",
            "the kernel OOM-killed it; its healthz cannot be asked",
        ),
        (
            replace(GONE, former=None),
            "NoProcess",
            "no process is named kubelet, though /var/lib/kubelet/config.yaml configures one",
        ),
    ],
)
def test_down(report: KubeletReport, reason: str, words: str) -> None:
    """A process that is gone and a healthz that hangs are told apart."""
    (finding,) = down(report)
    assert finding.reason == reason
    assert words in finding.message
    assert finding.evidence or report.former is None


@pytest.mark.parametrize(
    "report",
    [
        None,
        WELL,
        replace(WELL, healthz=None),
        replace(WELL, healthz=replace(HEALTHZ, state=RungState.UNTRIED)),
        replace(WELL, process=None),  # k3s has it in a process of its own name
        replace(GONE, absent="no kubelet here"),
    ],
)
def test_well(report: KubeletReport | None) -> None:
    """Also while nothing is known, and where there is none."""
    assert down(report) == []


def test_starting() -> None:
    """A young one need not listen yet; one that answers an error is not excused."""
    key = ProcessKey(pid=9, start_boottime_ns=ago(START_SECONDS - 1))
    young = replace(KUBELET, process=replace(PROCESS, key=key), healthz=REFUSED)
    assert down(young) == []
    assert down(replace(young, healthz=SICK))[0].reason == "HealthzFails"
    key = ProcessKey(pid=9, start_boottime_ns=ago(START_SECONDS))
    old = replace(young, process=replace(PROCESS, key=key))
    assert down(old)[0].reason == "HealthzRefuses"


def test_disagreement() -> None:
    """Its word, and the kernel's."""
    (finding,) = disagrees(WELL, RUNTIME)
    assert finding.reason == "RuntimeUnresponsive"
    assert finding.message.startswith(
        "the kubelet's healthz says ok, but containerd accepts connections and answers nothing"
    )
    assert finding.evidence[0].value == "200: ok"
    blocked = replace(WELL, process=replace(PROCESS, blocked=(BLOCKED,)))
    (finding,) = disagrees(blocked)
    assert finding.message.endswith("1 of its threads is in state D, the first in wb_wait")
    assert finding.reason == "Blocked"


def test_all_disagreements() -> None:
    """None hides another; and that no pod gets a network is one."""
    blocked = replace(WELL, process=replace(PROCESS, blocked=(BLOCKED,)))
    cni = replace(CNI, config=replace(CONFIG, files=()), calls=(), health=NetworkHealth())
    seen = Scene(
        now_boottime_ns=NOW_NS,
        now_wall_ns=1,
        kubelet=blocked,
        runtime=RUNTIME,
        cni=cni,
        sources=(CRI,),
    )
    (finding,) = kubelet_disagrees.DETECTOR.detect(seen)
    assert (finding.reason, finding.also) == (
        "RuntimeUnresponsive",
        ("CNINotConfigured", "Blocked"),
    )
    assert "; and no pod can get a network: no .conf" in finding.message
    assert finding.message.endswith("; and 1 of its threads is in state D, the first in wb_wait")
    assert [each.what for each in finding.evidence] == [
        "the kubelet says",
        "the kernel: RuntimeUnresponsive",
        "the kernel: CNINotConfigured",
        "the kernel: Blocked",
    ]


@pytest.mark.parametrize(
    ("report", "runtime"),
    [
        (None, RUNTIME),
        (KUBELET, RUNTIME),
        (WELL, None),
        (WELL, replace(RUNTIME, absent="none here")),
        (WELL, replace(RUNTIME, steps=())),
        (replace(WELL, healthz=None), RUNTIME),
    ],
)
def test_agreement(report: KubeletReport | None, runtime: RuntimeReport | None) -> None:
    """Who says nothing, or that it is not well, contradicts nobody."""
    assert disagrees(report, runtime) == []
