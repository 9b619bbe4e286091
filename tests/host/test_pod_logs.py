"""agent.host.pod_logs: names from the directories and links of /var/log."""

from pathlib import Path

import pytest

from agent.host import pod_logs
from agent.host.absence import SourceAbsent
from agent.host.pod_logs import PodLogNames, find_pod
from agent.model.absence import Absence

UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
OTHER = "1e6c3ddd-935d-44be-ac0b-1df537489e4e"
STATIC = "0123456789abcdef0123456789abcdef"
ID = "4ecd7896f61e" + "ab" * 26
LONG_POD = "p" * 183


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """/var/log/pods with three pods: one container, two containers, and none yet."""
    logs = tmp_path / "pods"
    for directory in (
        f"production_gateway-7f5d9c8d4b-9w2k1_{UID}/app",
        f"production_orders-1_{OTHER}/app",
        f"production_orders-1_{OTHER}/sidecar",
        f"kube-system_kube-apiserver-node1_{STATIC}",
        "lost+found",
    ):
        (logs / directory).mkdir(parents=True)
    (logs / f"production_gateway-7f5d9c8d4b-9w2k1_{UID}" / "notes.txt").touch()
    return logs


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (
            UID,
            PodLogNames(namespace="production", pod="gateway-7f5d9c8d4b-9w2k1", container="app"),
        ),
        (OTHER, PodLogNames(namespace="production", pod="orders-1")),
        (STATIC, PodLogNames(namespace="kube-system", pod="kube-apiserver-node1")),
        (UID[1:], None),
        ("", None),
        ("../" + UID, None),
    ],
    ids=["one-container", "two", "static-none-yet", "part-of-a-uid", "no-uid", "a-path"],
)
def test_pod_directory(logs: Path, uid: str, expected: PodLogNames | None) -> None:
    """Namespace and pod by uid; a container's name only when there is no choice."""
    assert find_pod(logs, uid, ID) == expected


@pytest.mark.parametrize(
    ("link", "container"),
    [
        (f"orders-1_production_sidecar-{ID}.log", "sidecar"),
        (f"orders-1_production_beef-cafe-{ID}.log", "beef-cafe"),
        (f"orders-1_production_sidecar-{ID[:-1]}.log", ""),  # cut, and not by the file system
        (f"orders-1_production_sidecar-{'0' * 64}.log", ""),
        (f"orders-1_staging_sidecar-{ID}.log", ""),
        (f"orders-1_production_sidecar-{ID}.txt", ""),
    ],
)
def test_link_by_container_id(logs: Path, link: str, container: str) -> None:
    """Of several containers the link with the id in its name tells which."""
    links = logs.parent / "containers"
    links.mkdir()
    (links / link).symlink_to("/nowhere")
    expected = PodLogNames(
        namespace="production", pod="orders-1", container=container, certain=container != ""
    )
    assert find_pod(logs, OTHER, ID) == expected


def test_link_cut_by_the_kubelet(tmp_path: Path) -> None:
    """A name of 255 bytes holds only the start of the id."""
    logs, links = tmp_path / "pods", tmp_path / "containers"
    (logs / f"ns_{LONG_POD}_{UID}").mkdir(parents=True)
    links.mkdir()
    (links / (f"{LONG_POD}_ns_app-{ID}"[:251] + ".log")).symlink_to("/nowhere")
    found = find_pod(logs, UID, ID)
    assert found == PodLogNames(namespace="ns", pod=LONG_POD, container="app", certain=True)


def test_no_directory(tmp_path: Path) -> None:
    """A node without /var/log/pods: an absence with its name."""
    with pytest.raises(SourceAbsent) as caught:
        find_pod(tmp_path / "pods", UID)
    assert caught.value.absent.absence is Absence.VANISHED


def test_bounded(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody filled the directory: we say so instead of reading on."""
    monkeypatch.setattr(pod_logs, "_LIMIT", 2)
    with pytest.raises(SourceAbsent, match="more than 2 entries"):
        find_pod(logs, "no such uid")
