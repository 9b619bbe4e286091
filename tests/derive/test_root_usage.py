"""agent.derive.root_usage"""

from __future__ import annotations

import pytest

from agent.derive.root_usage import choose_form, deciding_library
from agent.model.cgroup import CgroupMode
from agent.model.memory import MemoryForm, RootMemory

RUNC, CGROUPS = "github.com/opencontainers/runc", "github.com/opencontainers/cgroups"


@pytest.mark.parametrize(
    ("library", "version", "form"),
    [
        (f"{RUNC} v1.1.8", "", MemoryForm.TOTAL_MINUS_FREE),
        (f"{RUNC} v1.1.9", "", MemoryForm.ANON_PLUS_FILE),
        (f"{RUNC} v1.2.1", "v1.28.0", MemoryForm.ANON_PLUS_FILE),
        (f"{CGROUPS} v0.0.1", "", MemoryForm.ANON_PLUS_FILE),
        ("", "v1.28.15", MemoryForm.TOTAL_MINUS_FREE),
        ("", "v1.30.14-gke.1", MemoryForm.ANON_PLUS_FILE),
    ],
)
def test_proven(library: str, version: str, form: MemoryForm) -> None:
    choice = choose_form(CgroupMode.V2, library, version)
    assert (choice.form, choice.assumed) == (form, False)
    assert (library or version) in choice.reason


def test_assumed() -> None:
    choice = choose_form(CgroupMode.V2, "", "")
    assert (choice.form, choice.assumed) == (MemoryForm.ANON_PLUS_FILE, True)


@pytest.mark.parametrize("mode", [CgroupMode.V1, CgroupMode.HYBRID])
def test_v1(mode: CgroupMode) -> None:
    choice = choose_form(mode, f"{RUNC} v1.2.1", "")
    assert (choice.form, choice.assumed) == (MemoryForm.V1_USAGE, False)


def test_deciding_library() -> None:
    assert deciding_library({RUNC: "v1.2.3", CGROUPS: "v0.0.1"}) == f"{CGROUPS} v0.0.1"
    assert deciding_library({"a": "v1"}) == ""


def test_the_forms() -> None:
    """v2 has two, v1 two; the working set is never below 0."""
    v2 = RootMemory(total=1000, free=300, inactive_file=100, anon=200, file=250)
    assert v2.available(MemoryForm.ANON_PLUS_FILE) == 1000 - 350
    assert v2.available(MemoryForm.TOTAL_MINUS_FREE) == 1000 - 600
    assert v2.available(MemoryForm.V1_USAGE) is None
    v1 = RootMemory(total=1000, free=300, inactive_file=900, usage=500)
    assert v1.available(MemoryForm.V1_USAGE) == 1000
    assert v1.available(MemoryForm.ANON_PLUS_FILE) is None
