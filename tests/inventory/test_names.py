"""agent.inventory.names: who is believed, and what a name may look like."""

import pytest

from agent.inventory.names import ContainerKind, Names, clean, merge
from agent.model.oom import Container
from agent.parse.cgroup_path import place

UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
ID = "4ecd7896f61e" + "ab" * 26
PLACE = place(f"/kubepods/burstable/pod{UID}/{ID}")

CRI = Names(namespace="production", pod="api-1", pod_uid="ignored", container="gateway")
BUNDLE = Names(namespace="b-ns", pod="b-pod", container="b-name", kind=ContainerKind.CONTAINER)
LOGS = Names(namespace="l-ns", pod="l-pod", container="l-name")
SANDBOX = Names(namespace="production", pod="api-1", kind=ContainerKind.SANDBOX)


def names(namespace: str, pod: str, name: str, names_from: str) -> Container:
    return Container(
        namespace=namespace, pod=pod, pod_uid=UID, name=name, id=ID, names_from=names_from
    )


@pytest.mark.parametrize(
    ("cri", "bundle", "pod_logs", "expected"),
    [
        (CRI, BUNDLE, LOGS, names("production", "api-1", "gateway", "cri")),
        (None, BUNDLE, LOGS, names("b-ns", "b-pod", "b-name", "bundle")),
        (None, None, LOGS, names("l-ns", "l-pod", "l-name", "pod-logs")),
        (None, None, None, names("", "", "", "cgroup")),
        (Names(), Names(), Names(), names("", "", "", "cgroup")),
        (Names(container="x"), BUNDLE, None, names("b-ns", "b-pod", "x", "cri")),
        (Names(), None, LOGS, names("l-ns", "l-pod", "l-name", "pod-logs")),
        (SANDBOX, None, LOGS, names("production", "api-1", "POD", "cri")),
        (None, SANDBOX, None, names("production", "api-1", "POD", "bundle")),
    ],
    ids=[
        "cri-first",
        "then-bundle",
        "then-pod-logs",
        "then-cgroup",
        "all-silent",
        "fills-the-gaps",
        "cri-knows-nothing",
        "sandbox",
        "sandbox-by-bundle",
    ],
)
def test_precedence(
    cri: Names | None, bundle: Names | None, pod_logs: Names | None, expected: Container
) -> None:
    """Each name from the best source that has it; uid and id are the cgroup's."""
    assert merge(PLACE, cri=cri, bundle=bundle, pod_logs=pod_logs).container == expected


@pytest.mark.parametrize(
    ("cri", "bundle", "kind"),
    [
        (SANDBOX, BUNDLE, ContainerKind.SANDBOX),
        (CRI, SANDBOX, ContainerKind.SANDBOX),
        (None, BUNDLE, ContainerKind.CONTAINER),
        (CRI, None, ContainerKind.UNKNOWN),
    ],
)
def test_kind(cri: Names | None, bundle: Names | None, kind: ContainerKind) -> None:
    """The best source that knows the kind decides it."""
    assert merge(PLACE, cri=cri, bundle=bundle).kind is kind


def test_uid_of_the_source_where_the_path_has_none() -> None:
    """A container outside of kubepods still belongs to its pod."""
    outside = place(f"/system.slice/cri-containerd-{ID}.scope")
    assert merge(outside, cri=CRI).container.pod_uid == "ignored"


@pytest.mark.parametrize(
    ("found", "complete"),
    [(CRI, True), (SANDBOX, True), (Names(namespace="n", pod="p"), False), (None, False)],
)
def test_complete(found: Names | None, complete: bool) -> None:
    """Nothing is left to ask once namespace, pod and container have names."""
    assert merge(PLACE, cri=found).complete is complete


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("api-gateway-v2", "api-gateway-v2"),
        ("a\nb\x1b[2J", "a\\x0ab\\x1b[2J"),
        ("\u202etxt.exe", "\\xe2\\x80\\xaetxt.exe"),
        ("\udcff", "\\xed\\xb3\\xbf"),
        ('x",pod="y', 'x",pod="y'),
        ("a" * 253, "a" * 253),
        ("a" * 254, "a" * 250 + "..."),
        ("\x00" * 100, "\\x00" * 62 + "\\x..."),
        ("", ""),
    ],
    ids=["plain", "control", "bidi", "surrogate", "quotes", "253", "254", "grown", "empty"],
)
def test_clean(name: str, expected: str) -> None:
    """Printable ASCII of at most 253 bytes, whatever comes; quoting is the output's business."""
    assert clean(name) == expected
    assert clean(expected) == expected
