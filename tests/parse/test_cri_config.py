"""agent.parse.cri_config: containerd's own words."""

from __future__ import annotations

import pytest

from agent.model.cni import CNIPlaces
from agent.parse.cri_config import parse_cni_places

CONTAINERD_1_6 = """\
{"containerd":{"snapshotter":"overlayfs"},"cni":{"binDir":"/home/kubernetes/bin",\
"confDir":"/etc/cni/net.d","maxConfNum":1,"confTemplate":"","ipPref":""},\
"containerdRootDir":"/var/lib/containerd"}"""


@pytest.mark.parametrize(
    ("config", "places"),
    [
        (
            CONTAINERD_1_6,
            CNIPlaces(conf_dir="/etc/cni/net.d", bin_dirs=("/home/kubernetes/bin",)),
        ),
        (  # 2.1
            '{"cni":{"binDir":"","binDirs":["/opt/cni/bin","/usr/lib/cni"],"confDir":"/etc/cni"}}',
            CNIPlaces(conf_dir="/etc/cni", bin_dirs=("/opt/cni/bin", "/usr/lib/cni")),
        ),
        (
            '{"cni":{"binDir":"/a","binDirs":["/b","/a"],"confDir":"relative"}}',
            CNIPlaces(bin_dirs=("/b", "/a")),
        ),
        ('{"cni":{"binDir":"/a\\"|| 1","binDirs":[7, "/*"],"confDir":null}}', CNIPlaces()),
        ('{"sandboxImage":"registry.k8s.io/pause:3.9"}', CNIPlaces()),  # CRI-O
        ('{"cni":[]}', CNIPlaces()),
        ("[]", CNIPlaces()),
        ("", CNIPlaces()),
        ("{", CNIPlaces()),
    ],
)
def test_places(config: str, places: CNIPlaces) -> None:
    """What of it is told in a form that can be used."""
    assert parse_cni_places(config) == places
