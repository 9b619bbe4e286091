"""agent.parse.oci_bundle"""

from __future__ import annotations

import json

import pytest

from agent.model.absence import ParseError
from agent.parse.oci_bundle import BundleNames, parse_bundle

UID = "d1cb3f57-a7a5-47ca-9def-6c3ba929c3a5"
ID = "253748b789a4f7662b4ea1da40a21f7debbc60570505989224a206bd762592ae"
SANDBOX = "4acabc4f03215426b5f4e1f8d3d6d1f7d2ea6a1b29cbd5a8d9ac6dd1b5b42c10"
CONTAINERD = {
    "io.kubernetes.cri.container-name": "gateway",
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.image-name": "lab.local/work:1",
    "io.kubernetes.cri.sandbox-id": SANDBOX,
    "io.kubernetes.cri.sandbox-name": "api-gateway-v2-7f5d9c8d4b-9w2k1",
    "io.kubernetes.cri.sandbox-namespace": "production",
    "io.kubernetes.cri.sandbox-uid": UID,
}
CRIO = {
    "io.kubernetes.container.name": "gateway",
    "io.kubernetes.cri-o.ContainerID": ID,
    "io.kubernetes.cri-o.ContainerType": "container",
    "io.kubernetes.cri-o.SandboxID": SANDBOX,
    "io.kubernetes.pod.name": "api-gateway-v2-7f5d9c8d4b-9w2k1",
    "io.kubernetes.pod.namespace": "production",
    "io.kubernetes.pod.uid": UID,
}
NAMES = BundleNames(
    container_type="container",
    namespace="production",
    pod="api-gateway-v2-7f5d9c8d4b-9w2k1",
    pod_uid=UID,
    container="gateway",
    container_id="",
    sandbox_id=SANDBOX,
    cgroups_path="",
)


def _config(annotations: object, linux: object = None) -> bytes:
    return json.dumps({"ociVersion": "1.1.0", "annotations": annotations, "linux": linux}).encode()


def test_containerd() -> None:
    """containerd's annotations, and the path of a cgroup."""
    path = f"/kubepods/burstable/pod{UID}/{ID}"
    names = parse_bundle(_config(CONTAINERD, {"cgroupsPath": path}))
    assert names.cgroups_path == path
    assert names == parse_bundle(_config(CONTAINERD, {"cgroupsPath": path, "namespaces": []}))
    assert parse_bundle(_config(CONTAINERD)) == NAMES


def test_crio() -> None:
    """CRI-O's annotations, and its own name for a sandbox."""
    names = parse_bundle(_config(CRIO))
    assert names.container_id == ID
    assert (names.container, names.pod, names.pod_uid) == ("gateway", NAMES.pod, UID)
    sandbox = {
        "io.kubernetes.cri-o.ContainerType": "sandbox",
        "io.kubernetes.container.name": "POD",
    }
    assert parse_bundle(_config(CRIO | sandbox)).container == ""


def test_not_of_kubernetes() -> None:
    """Another container has no names; that is not an error."""
    for data in (b"{}", _config(None), _config({"org.example": "x"})):
        assert set(_values(parse_bundle(data))) == {""}


def _values(names: BundleNames) -> list[str]:
    return [getattr(names, field) for field in BundleNames.__struct_fields__]


def test_names_are_printable() -> None:
    """Names that no API server would let pass do no harm."""
    names = parse_bundle(_config({"io.kubernetes.pod.name": "a\n\u00e9\ud800"}))
    assert names.pod == r"a\x0a\xc3\xa9\xed\xa0\x80"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"annotations": ',
        b"[" * 1_000_000,
        b'{"annotations":' * 1_000_000,
        b'{"x": ' + b"9" * 5000 + b"}",
        _config([]),
        _config("x"),
        _config({"io.kubernetes.pod.name": 1}),
        _config({}, []),
        _config({}, {"cgroupsPath": ["/"]}),
    ],
    ids=range(13),
)
def test_refused(data: bytes) -> None:
    """What is not JSON, too deep, or not a runtime's configuration."""
    with pytest.raises(ParseError):
        parse_bundle(data)
