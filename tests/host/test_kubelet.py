"""agent.host.kubelet and agent.engine.kubelet_facts on a made-up host."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.engine.kubelet_facts import read_kubelet_facts
from agent.host.kubelet import KubeletFinder
from agent.host.proc import ProcReader
from agent.host.root import HostRoot
from agent.model.memory import KubeletFacts, Signal
from tests.parse.go_program import build_info, elf

RUNC = "dep\tgithub.com/opencontainers/runc\tv1.1.12\th1:x="
POD = "/kubepods/burstable/podd1cb3f57-a7a5-47ca-9def-6c3ba929c3a5/" + "a" * 64
CONFIG = "kind: KubeletConfiguration\nevictionHard: {memory.available: 500Mi}\n"
USUAL = "/var/lib/kubelet/config.yaml"


class _Host:
    def __init__(self, top: Path) -> None:
        self.top = top
        self.root = HostRoot.at(top)
        (top / "proc").mkdir()
        self.finder = KubeletFinder(self.root, ProcReader(self.root))

    def write(self, path: str, text: str | bytes) -> None:
        file = self.top / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def process(
        self, pid: int, *words: str, comm: str = "kubelet", cgroup: str = "/system.slice/k.service"
    ) -> None:
        self.write(f"proc/{pid}/comm", comm + "\n")
        self.write(f"proc/{pid}/cgroup", f"0::{cgroup}\n")
        self.write(f"proc/{pid}/cmdline", "\0".join((comm, *words)) + "\0")
        self.write(f"proc/{pid}/exe", elf(build_info(RUNC)))

    def facts(self, config: str = "", root_directory: str = "") -> KubeletFacts:
        return read_kubelet_facts(
            self.finder, known_pid=None, config=config, root_directory=root_directory
        )


@pytest.fixture
def host(tmp_path: Path) -> _Host:
    return _Host(tmp_path)


def _memory(facts: KubeletFacts) -> tuple[str, str]:
    [found] = [t for t in facts.thresholds if t.signal is Signal.MEMORY]
    return found.text, found.source


def test_found_by_its_process(host: _Host) -> None:
    """Its command line leads to its file, its program tells what it is made of."""
    host.process(812, "--config=/etc/k.yaml", "--root-dir=/data")
    host.write("/etc/k.yaml", CONFIG)
    host.write(USUAL, CONFIG.replace("500", "700"))
    facts = host.facts()
    assert (facts.pid, facts.config, facts.root_directory) == (812, "/etc/k.yaml", "/data")
    assert facts.library == "github.com/opencontainers/runc v1.1.12"
    assert _memory(facts) == ("500Mi", "config /etc/k.yaml")
    assert not facts.problems


@pytest.mark.parametrize(
    ("words", "said", "asked"),
    [
        ((), "", ("127.0.0.1", 10248)),
        ((), "healthzBindAddress: 0.0.0.0\nhealthzPort: 10348\n", ("127.0.0.1", 10348)),
        ((), "healthzBindAddress: node-1\n", ("127.0.0.1", 10248)),
        (("--healthz-port=0", "--healthz-bind-address=::"), "healthzPort: 10348\n", ("::1", 0)),
        (("--healthz-bind-address=10.0.0.7",), "", ("10.0.0.7", 10248)),
    ],
)
def test_where_healthz_is(
    host: _Host, words: tuple[str, ...], said: str, asked: tuple[str, int]
) -> None:
    """A flag counts more than the file; all addresses are asked on loopback; never a name."""
    host.process(812, "--config=/etc/k.yaml", *words)
    host.write("/etc/k.yaml", CONFIG + said)
    facts = host.facts()
    assert (facts.healthz_address, facts.healthz_port) == asked


def test_a_container_is_no_kubelet(host: _Host) -> None:
    """Whatever it calls itself; a process of another name is none either."""
    host.process(7, "--config=/etc/evil.yaml", cgroup=POD)
    host.process(8, comm="kubelet-x")
    facts = host.facts()
    assert facts.pid is None
    assert _memory(facts)[1].startswith("default: no kubelet runs")


def test_without_a_process_the_usual_places(host: _Host) -> None:
    host.write(USUAL, CONFIG)
    facts = host.facts()
    assert (facts.pid, facts.found) == (None, "no process named kubelet")
    assert _memory(facts) == ("500Mi", f"config {USUAL}")
    assert facts.root_directory == "/var/lib/kubelet"


def test_settings_win(host: _Host) -> None:
    host.process(812, "--config=/etc/k.yaml", "--root-dir=/data")
    host.write("/other.yaml", CONFIG)
    facts = host.facts(config="/other.yaml", root_directory="/there")
    assert _memory(facts) == ("500Mi", "config /other.yaml")
    assert facts.root_directory == "/there"


def test_drop_ins(host: _Host) -> None:
    """In the order of their paths, only *.conf, also further down."""
    host.process(812, "--config=/k.yaml", "--config-dir=/d")
    host.write("/k.yaml", CONFIG)
    host.write("/d/20-a/x.conf", CONFIG.replace("500", "900"))
    host.write("/d/10.conf", CONFIG.replace("500", "600"))
    host.write("/d/30.yaml", CONFIG.replace("500", "1"))
    facts = host.facts()
    assert facts.config == "/k.yaml, /d/10.conf, /d/20-a/x.conf"
    assert _memory(facts) == ("900Mi", "config /d/20-a/x.conf")


def test_what_cannot_be_read_is_said(host: _Host) -> None:
    """The defaults stand in, with the reason."""
    host.process(812, "--config=/gone.yaml")
    host.write("proc/812/exe", b"#!/bin/sh\n")
    facts = host.facts()
    assert _memory(facts) == ("100Mi", "default: /gone.yaml cannot be read")
    assert len(facts.problems) == 2
    assert "its program: expected an ELF file" in facts.problems[0]
    assert "gone.yaml: No such file" in facts.problems[1]


def test_flags_without_a_file(host: _Host) -> None:
    host.process(812, "--eviction-hard=memory.available<1Gi")
    assert _memory(host.facts()) == ("1Gi", "flag --eviction-hard")
    host.process(812)
    assert _memory(host.facts())[1] == "default: the kubelet runs without --config"
    host.process(812, "--config=/k.yaml")
    host.write("/k.yaml", "kind: KubeletConfiguration\n")
    assert _memory(host.facts())[1] == "default: evictionHard is not set in /k.yaml"


def test_a_file_in_the_kubelets_own_root(host: _Host) -> None:
    """A kubelet in a container of its own has its files there."""
    host.process(812, "--config=/k.yaml", "--root-dir=/data")
    host.write("proc/812/root/k.yaml", CONFIG)
    (host.top / "proc/812/root/data").mkdir()
    assert _memory(host.facts()) == ("500Mi", "config /k.yaml")
    assert host.finder.directory("/data", 812) == host.top / "proc/812/root/data"
    assert host.finder.directory("/none", 812) == host.top / "none"


def test_the_known_process_is_looked_at_first(host: _Host) -> None:
    host.process(812)
    host.process(5)
    assert host.finder.find(812) == 812
    assert host.finder.find(99) in (5, 812)
