"""CNINotConfigured and CNIStalled."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.detect import cni_not_configured, cni_stalled
from agent.detect.scene import Scene
from agent.model.cni import (
    CNICall,
    CNIConfig,
    CNIConfigFile,
    CNIReport,
    NetworkHealth,
    NetworkState,
    NetworkWord,
)
from agent.model.condition import Finding, Severity
from agent.model.source import SourceHealth, SourceState
from tests.serve.cni_sample import CNI, CONFIG, NOW_NS, call

CRI = SourceHealth(name="cri", tells="", required=False, state=SourceState.UP, since_wall_ns=1)


def scene(report: CNIReport | None, *sources: SourceHealth) -> Scene:
    return Scene(now_boottime_ns=NOW_NS, now_wall_ns=1, cni=report, sources=sources)


def configured(config: CNIConfig | None, *sources: SourceHealth) -> list[Finding]:
    seen = scene(replace(CNI, config=config), *sources)
    return list(cni_not_configured.DETECTOR.detect(seen))


def stalled(*calls: CNICall, health: NetworkHealth) -> Finding:
    report = replace(CNI, calls=calls, health=health)
    (found,) = cni_stalled.DETECTOR.detect(scene(report))
    return found


USABLE = replace(
    CONFIG.files[0], plugins=tuple(p for p in CONFIG.files[0].plugins if not p.problem)
)
BROKEN = CNIConfigFile(path="/etc/cni/net.d/00-x.conflist", problem="expected JSON")


@pytest.mark.parametrize(
    ("config", "reason", "words"),
    [
        (replace(CONFIG, files=()), "NoConfiguration", "no .conf, .conflist or .json in /etc"),
        (replace(CONFIG, files=(), absent="/e: gone"), "NoConfiguration", "/e: gone"),
        (
            replace(CONFIG, files=(BROKEN, replace(USABLE, loaded=False))),
            "InvalidConfiguration",
            "cannot load /etc/cni/net.d/00-x.conflist: expected JSON",
        ),
        (CONFIG, "PluginMissing", "plugin portmap of /etc/cni/net.d/10-k8s.conflist: no such"),
        (
            replace(
                CONFIG,
                files=(
                    replace(
                        USABLE,
                        plugins=(replace(USABLE.plugins[0], problem="is not executable"),),
                    ),
                ),
            ),
            "PluginUnusable",
            "is not executable",
        ),
    ],
)
def test_not_configured(config: CNIConfig, reason: str, words: str) -> None:
    """Why, in one line, and each file or plugin as evidence."""
    (found,) = configured(config, CRI)
    assert found.reason == reason
    assert words in found.message
    assert found.evidence[-1].what == "NetworkReady"
    assert len(found.evidence) == 2


def test_the_runtime_agrees() -> None:
    """Its word is evidence, where it answers."""
    word = NetworkWord(boottime_ns=1, ready=False, message="cni plugin not initialized")
    report = replace(CNI, config=replace(CONFIG, files=()), word=word)
    (found,) = cni_not_configured.DETECTOR.detect(scene(report, CRI))
    assert found.evidence[-1].value == "false: cni plugin not initialized"
    (found,) = cni_not_configured.DETECTOR.detect(scene(replace(report, word=None), CRI))
    assert len(found.evidence) == 1


def test_not_loaded() -> None:
    """The file is good and has been there for a while, and the runtime has no network."""
    config = replace(CONFIG, files=(USABLE,), same_since_boottime_ns=NOW_NS - 15 * 10**9)
    word = NetworkWord(boottime_ns=NOW_NS, ready=False, message="cni plugin not initialized")
    report = replace(CNI, config=config, word=word)
    (found,) = cni_not_configured.DETECTOR.detect(scene(report, CRI))
    assert found.reason == "NotLoaded"
    assert found.message == (
        "no pod can get a network: the runtime has not loaded /etc/cni/net.d/10-k8s.conflist: cni"
        " plugin not initialized"
    )
    assert [each.what for each in found.evidence] == ["file", "NetworkReady"]
    for other in (
        replace(report, word=replace(word, ready=True)),
        replace(report, word=replace(word, boottime_ns=NOW_NS - 6 * 10**9)),
        replace(report, word=None),
        replace(report, config=replace(config, assumed=True)),
    ):
        assert list(cni_not_configured.DETECTOR.detect(scene(other, CRI))) == []


def test_configured() -> None:
    """A file that is ignored may be broken; where nobody runs pods, nothing is missing."""
    assert configured(replace(CONFIG, files=(USABLE, BROKEN)), CRI) == []
    assert configured(None, CRI) == []
    assert configured(replace(CONFIG, files=())) == []
    assert list(cni_not_configured.DETECTOR.detect(scene(None, CRI))) == []


def test_elsewhere() -> None:
    """What we have read is not what the runtime has: nothing is found."""
    report = replace(CNI, config=replace(CONFIG, files=()), elsewhere="elsewhere")
    assert list(cni_not_configured.DETECTOR.detect(scene(report, CRI))) == []


WEDGED = NetworkHealth(state=NetworkState.WEDGED, since_boottime_ns=NOW_NS - 242 * 10**9)
WORKING = NetworkHealth(state=NetworkState.WORKING, succeeded_boottime_ns=NOW_NS - 10**9)


def test_wedged() -> None:
    """What hangs deepest is named, with where it waits."""
    found = stalled(*CNI.calls, health=WEDGED)
    assert (found.reason, found.severity) == ("Wedged", None)
    assert found.message == (
        "no pod has got a network for 242 s; host-local[5130] (ADD for shop/web-0) has run for"
        " 242 s: state D in nfs_wait_bit_killable"
    )
    assert [item.what for item in found.evidence] == ["call", "call", "last success"]


def test_waits_for_a_lock() -> None:
    """Whoever waits for a lock tells most: it names the holder."""
    waiting = CNI.calls[0]
    old = replace(waiting, started_boottime_ns=NOW_NS - 40 * 10**9)
    found = stalled(old, *CNI.calls[2:4], health=WEDGED)
    assert "waiting for the lock of /var/lib/cni/networks/k8s/lock, held by host-local[5130]" in (
        found.message
    )
    many = stalled(*(call(pid, "bridge", 40) for pid in range(1, 13)), health=WEDGED)
    assert "12 calls hang, bridge[" in many.message
    assert many.evidence[8].value == "4 more hang"


def test_one_hangs() -> None:
    """While others succeed it is that call's trouble alone."""
    found = stalled(call(7, "bridge", 40, command="DEL"), health=WORKING)
    assert (found.reason, found.severity) == ("CallStalled", Severity.WARNING)
    assert found.message == "bridge[7] (DEL for shop/web-0) has run for 40 s"


def test_all_fail() -> None:
    """Nothing hangs and nothing succeeds."""
    found = stalled(*CNI.calls[6:], health=replace(WEDGED, failed=3))
    assert found.reason == "NoSuccess"
    assert (
        "3 pods in a row have got none, the last failure of host-local with code 1" in found.message
    )
    killed = stalled(CNI.calls[8], health=replace(WEDGED, failed=3))
    assert "the last failure of bridge by signal 9" in killed.message


def test_well() -> None:
    """Young calls are nobody's trouble."""
    report = replace(CNI, calls=(call(7, "bridge", 29),), health=WORKING)
    assert list(cni_stalled.DETECTOR.detect(scene(report))) == []
    assert list(cni_stalled.DETECTOR.detect(scene(None))) == []
