"""Where containerd has its CNI configuration and plugins: "config" of Status's info

    {"containerd": {...}, "cni": {"binDir": "/opt/cni/bin", "confDir": "/etc/cni/net.d",
     "maxConfNum": 1, "confTemplate": "", "ipPref": ""}, ...}     containerd 1.6, 1.7, 2.0
    {"cni": {"binDir": "", "binDirs": ["/opt/cni/bin"], "confDir": "/etc/cni/net.d", ...}, ...}  2.1

CniConfig, internal/cri/config/config.go (pkg/cri/config/config.go before 2.0). CRI-O has a "config"
too, without any of it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from agent.model.cni import CNIPlaces

MAX_DIRECTORIES = 16
_PLAIN = re.compile(r"/[A-Za-z0-9/._+@-]{0,127}")
"""As the settings are: it goes into a glob of the kernel's."""


def parse_cni_places(config: str) -> CNIPlaces:
    """What of it is told, and is a path of plain characters."""
    try:
        found: Any = json.loads(config)
    except (ValueError, RecursionError):
        return CNIPlaces()
    cni = found.get("cni") if isinstance(found, dict) else None
    if not isinstance(cni, dict):
        return CNIPlaces()
    several, one = cni.get("binDirs"), cni.get("binDir")
    told = [_plain(each) for each in (*(several if isinstance(several, list) else ()), one)]
    return CNIPlaces(
        conf_dir=_plain(cni.get("confDir")),
        bin_dirs=tuple(dict.fromkeys(each for each in told if each))[:MAX_DIRECTORIES],
    )


def _plain(told: object) -> str:
    return told if isinstance(told, str) and _PLAIN.fullmatch(told) else ""
