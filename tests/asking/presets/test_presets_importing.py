import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_polecat.asking.presets import import_profiles, profile_toml
from pytest_polecat.errors import ProfileError
from tests.asking.presets.presets_helpers import refused

_TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text("'\"\\ \n\tx")
_SCALARS = _TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3), max_leaves=6
)


@given(name=_TEXTS, table=st.dictionaries(_TEXTS, _VALUES, max_size=5))
def test_a_table_reads_back_the_same(name: str, table: dict[str, Any]) -> None:
    assert tomllib.loads(profile_toml(name, table)) == {"profiles": {name: table}}


def test_a_profile_is_written_for_people() -> None:
    table = {
        "model": "a.gguf",
        "command": "llama-server\n  -ot 'blk\\.1=CPU'\n",
        "args": {"ctx-size": 5, "override-tensor": r"blk\.1=CPU", "chat-template-kwargs": {"a": True}},
    }
    assert (
        profile_toml("qwen3.5", table)
        == r"""[profiles."qwen3.5"]
model = "a.gguf"
command = '''
llama-server
  -ot 'blk\.1=CPU'
'''

[profiles."qwen3.5".args]
ctx-size = 5
override-tensor = 'blk\.1=CPU'
chat-template-kwargs = {a = true}
"""
    )


def test_a_null_is_refused_as_toml_has_none() -> None:
    with pytest.raises(ProfileError, match='profile "a": a value is null; TOML has no null; take it out'):
        profile_toml("a", {"sampling": {"extra": {"x": [None]}}})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "models: {m: {cmd: llama-server -m m.gguf}}"),
        ("a.YML", "models: {m: {cmd: llama-server -m m.gguf}}"),
        ("a.conf", "# models\nmodels:\n  m: {cmd: llama-server -m m.gguf}"),
        ("a.ini", "[m]\nmodel = m.gguf"),
        ("a.preset", "[m]\nmodel = m.gguf"),
        ("presets", "; presets\n\nversion = 1\n[m]\nmodel = m.gguf"),
        ("b", "\ufeff[m]\nmodel = m.gguf"),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_ending_or_its_first_line(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    assert import_profiles(file).names == ("m",)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.txt", "hello", "a.txt: neither llama-swap's config (.yaml) or llama-server's presets (.ini); name it by"),
        ("a.toml", "", "a.toml: TOML is polecat's own format; name this file by -c FILE instead"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, name: str, text: str, problem: str) -> None:
    assert refused(tmp_path, name, text).startswith(problem)


def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none\.ini: there is no such file; name another, or make it$"):
        import_profiles(tmp_path / "none.ini")
    with pytest.raises(ProfileError, match=r"this is a folder; name the file in it$"):
        import_profiles(tmp_path)
    (tmp_path / "bad.ini").write_bytes(b"[a]\n\xff")
    with pytest.raises(ProfileError, match=r"bad\.ini: not UTF-8 at byte 4; save it as UTF-8$"):
        import_profiles(tmp_path / "bad.ini")


def test_a_url_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.ini"
    file.write_text("[m]\nmodel = m.gguf", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"profiles\.m\.url: must be an address such as"):
        import_profiles(file, url="localhost")
