"""Which arithmetic the kubelet of this node uses for the root cgroup's usage

cgroup v2 has no memory.current at the root, and what stands in for it changed: the library behind
cAdvisor computed MemTotal - MemFree up to runc 1.1.8, and anon + file of memory.stat since runc
1.1.9 (opencontainers/runc#3933) and in opencontainers/cgroups (rootStatsFromMeminfo in
fs2/memory.go). The kubelet's go.mod names runc 1.1.7 in 1.28, 1.1.10 in 1.29, and the other
since 1.33.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent.model.cgroup import CgroupMode
from agent.model.memory import FormChoice, MemoryForm

RUNC = "github.com/opencontainers/runc"
CGROUPS = "github.com/opencontainers/cgroups"
FIRST_RUNC = (1, 1, 9)
FIRST_KUBELET = (1, 29)

_NUMBERS = re.compile(r"v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?")


def deciding_library(versions: Mapping[str, str]) -> str:
    """The module that computes it, with its version; empty: none of these is in the program."""
    for module in (CGROUPS, RUNC):
        if module in versions:
            return f"{module} {versions[module]}"
    return ""


def choose_form(mode: CgroupMode, library: str, version: str) -> FormChoice:
    """From what the kubelet's program is made of, else from its version, else assumed."""
    if mode is not CgroupMode.V2:
        return FormChoice(
            form=MemoryForm.V1_USAGE, reason="the memory controller is on cgroup v1", assumed=False
        )
    module, _, release = library.partition(" ")
    if module == CGROUPS:
        return _proven(MemoryForm.ANON_PLUS_FILE, f"the kubelet contains {library}")
    numbers = _numbers(release)
    if module == RUNC and numbers:
        newer = numbers >= FIRST_RUNC
        form = MemoryForm.ANON_PLUS_FILE if newer else MemoryForm.TOTAL_MINUS_FREE
        return _proven(form, f"the kubelet contains {library}")
    numbers = _numbers(version)
    if numbers:
        newer = numbers >= FIRST_KUBELET
        form = MemoryForm.ANON_PLUS_FILE if newer else MemoryForm.TOTAL_MINUS_FREE
        return _proven(form, f"the kubelet is {version}")
    return FormChoice(
        form=MemoryForm.ANON_PLUS_FILE,
        reason="assumed: the kubelet's version is not known; 1.29 and later compute it so",
        assumed=True,
    )


def _proven(form: MemoryForm, reason: str) -> FormChoice:
    return FormChoice(form=form, reason=reason, assumed=False)


def _numbers(version: str) -> tuple[int, ...]:
    match = _NUMBERS.match(version)
    return () if match is None else tuple(int(part) for part in match.groups() if part)
