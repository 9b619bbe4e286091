"""agent.parse.btf"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.absence import ParseError
from agent.parse import btf
from agent.parse.btf import Btf
from tests.parse.btf_making import BtfMaker

KERNEL = Path("/sys/kernel/btf/vmlinux")


def test_members() -> None:
    """Bits become bytes; what a structure does not have is left out, and so are other kinds."""
    maker = BtfMaker()
    maker.every_kind()
    maker.composed("task_struct", [("state", 1, 0), ("pid", 1, 8 * 1264), ("", 1, 64)])
    maker.every_kind()
    found = Btf(maker.data())
    assert found.offsets("task_struct", ("pid", "state", "tgid")) == {"pid": 1264, "state": 0}
    assert found.offsets("no_such_struct", ("pid",)) == {}
    assert found.offsets("fields", ("whole",)) == {"whole": 4}


def test_bit_field() -> None:
    """A bit field has no offset in bytes."""
    maker = BtfMaker()
    maker.every_kind()
    with pytest.raises(ParseError, match="bit field"):
        Btf(maker.data()).offsets("fields", ("field",))


def test_enumerators() -> None:
    """Of 32 bits, negative ones too, and of 64."""
    maker = BtfMaker()
    maker.every_kind()
    found = Btf(maker.data())
    assert found.enumerator("narrow", "minus") == -1
    assert found.enumerator("narrow", "zero") == 0
    assert found.enumerator("narrow", "large") is None
    assert found.enumerator("wide", "large") == 1 << 40
    assert found.enumerator("no_such_enum", "zero") is None


def test_unnamed_members() -> None:
    """Members of unnamed structures count as the structure's own, if asked for; modifiers and
    unnamed bit fields are no hindrance.
    """
    maker = BtfMaker()
    maker.every_kind()
    inner = maker.composed("", [("deep", 1, 16), ("pid", 1, 32)], union=True)
    const = maker.add(btf.KIND_CONST, "", inner)
    outer = maker.composed("", [("", const, 64), ("pad", 1, 0)])
    maker.composed("task_struct", [("", 1, 0), ("", outer, 128), ("last", 1, 800)])
    found = Btf(maker.data())
    assert found.offsets("task_struct", ("pid", "last")) == {"last": 100}
    wanted = ("pid", "deep", "pad", "last")
    assert found.offsets("task_struct", wanted, nested=True) == {
        "pid": 28,
        "deep": 26,
        "pad": 16,
        "last": 100,
    }


def test_a_structure_within_itself() -> None:
    """Types that turn in a circle are an error, or the end."""
    maker = BtfMaker()
    maker.composed("endless", [("", 1, 0), ("a", 1, 8)])
    assert Btf(maker.data()).offsets("endless", ("a", "b"), nested=True) == {"a": 1}
    maker = BtfMaker()
    maker.composed("endless", [("", 2, 0)])
    maker.add(btf.KIND_TYPEDEF, "t", 2)
    with pytest.raises(ParseError, match="name for itself"):
        Btf(maker.data()).offsets("endless", ("a",), nested=True)


def test_name_of_others() -> None:
    """Members, enumerators and other kinds of the same name are not the structure."""
    maker = BtfMaker()
    maker.composed("holder", [("cgroup", 7, 0), ("x", 1, 8)])
    maker.enum("names", {"cgroup": btf.KIND_STRUCT << 24 | 1})
    maker.add(btf.KIND_FWD, "cgroup")
    maker.add(btf.KIND_TYPEDEF, "cgroup", 1)
    maker.composed("cgroup", [("kn", 1, 96)])
    assert Btf(maker.data()).offsets("cgroup", ("kn", "x")) == {"kn": 12}


def test_two_layouts() -> None:
    """Two structures of one name do if they agree on what is asked for."""
    maker = BtfMaker()
    maker.composed("pair", [("a", 1, 0), ("b", 1, 8)])
    maker.composed("pair", [("a", 1, 0), ("b", 1, 16)])
    found = Btf(maker.data())
    assert found.offsets("pair", ("a",)) == {"a": 0}
    with pytest.raises(ParseError, match="one layout"):
        found.offsets("pair", ("b",))


@pytest.mark.parametrize(
    ("at", "value"), [(0, 0), (2, 2), (4, 0xFF), (13, 0xFF), (20, 0xFF), (20, 0), (-1, 1)]
)
def test_header(at: int, value: int) -> None:
    """What is no BTF of this machine is refused at once."""
    data = bytearray(_sample())
    data[at] = value
    with pytest.raises(ParseError):
        Btf(bytes(data)).offsets("task_struct", ("pid",), nested=True)


def _sample() -> bytes:
    maker = BtfMaker()
    maker.every_kind()
    inner = maker.composed("", [("deep", 1, 16)])
    maker.composed("task_struct", [("pid", 1, 64), ("", inner, 128)])
    return maker.data()


@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(_sample()) - 1), st.integers(0, 255)), max_size=6
    ),
    cut=st.integers(0, len(_sample())),
)
@settings(deadline=None)
def test_any_bytes(changes: list[tuple[int, int]], cut: int) -> None:
    """Whatever the bytes, they give a value or a ParseError."""
    data = bytearray(_sample())
    for at, value in changes:
        data[at] = value
    for text in (bytes(data), bytes(data[:cut])):
        try:
            found = Btf(text)
            offsets = found.offsets("task_struct", ("pid", "deep", "none"), nested=True)
            assert all(offset >= 0 for offset in offsets.values())
            found.enumerator("wide", "large")
        except ParseError as error:
            assert str(error)  # noqa: PT017 - the message must be printable, whatever was read


@given(
    types=st.lists(
        st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 500), max_size=6), max_size=6
    )
)
def test_finding_is_walking(types: list[dict[str, int]]) -> None:
    """What is found by its name is what reading all types finds."""
    maker = BtfMaker()
    for number, members in enumerate(types):
        maker.every_kind()
        maker.composed(f"s{number}", [(name, 1, 8 * at) for name, at in members.items()])
    found = Btf(maker.data())
    for number, members in enumerate(types):
        assert found.offsets(f"s{number}", "abcdefgh") == members
        assert sum(1 for at in found._walk()) == maker.count


@pytest.mark.skipif(not KERNEL.exists(), reason="this kernel is built without BTF")
def test_this_kernel() -> None:
    """The running kernel's own layout, found and walked alike."""
    found = Btf(KERNEL.read_bytes())
    pid, tgid = found.offsets("task_struct", ("pid", "tgid")).values()
    assert tgid == pid + 4
    assert found.offsets("list_head", ("next", "prev")) == {"next": 0, "prev": 8}
    assert found.enumerator("zone_type", "__MAX_NR_ZONES") in range(2, 8)
    walked = [found._type_at(at) for at in found._walk()]
    (task,) = [item for item in walked if item.kind == btf.KIND_STRUCT and _is(found, item)]
    assert (task,) == tuple(found._named("task_struct", (btf.KIND_STRUCT,)))


def _is(found: Btf, item: btf._Type) -> bool:
    (name_off,) = btf._WORD.unpack_from(found._data, item.at)
    return bool(name_off) and found._string(name_off) == b"task_struct"
