"""agent.parse.pod_log_path"""

from __future__ import annotations

import pytest

from agent.parse.pod_log_path import PodLogDirectory, parse_pod_log_directory

UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
STATIC = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        (f"default_oom-a_{UID}", PodLogDirectory(namespace="default", pod="oom-a", pod_uid=UID)),
        (
            f"kube-system_etcd-ip-10-0-64-12.internal_{STATIC}",
            PodLogDirectory(
                namespace="kube-system", pod="etcd-ip-10-0-64-12.internal", pod_uid=STATIC
            ),
        ),
    ],
)
def test_directory(name: str, directory: PodLogDirectory) -> None:
    """Namespace, pod and uid, of static pods too."""
    assert parse_pod_log_directory(name) == directory


@pytest.mark.parametrize(
    "name",
    ["", "lost+found", f"a_{UID}", f"a_b_c_{UID}", f"_b_{UID}", "a_b_", f"a_B_{UID}", "a_b_c\n"],
)
def test_not_a_pod(name: str) -> None:
    """Other directories are not pods."""
    assert parse_pod_log_directory(name) is None
