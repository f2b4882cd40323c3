import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_polecat.asking.profiles import ProfileBook, api_key, find_config, fingerprint, load
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile

BASE = """
[profiles.base]
description = "the base"
parallel = 4
reasoning = 4096
roles = ["judge"]

[profiles.base.args]
ctx-size = 8192
jinja = true

[profiles.base.sampling]
temperature = 0.7
extra = { dry_multiplier = 0.8, samplers = ["top_k"] }
"""


@pytest.fixture(autouse=True)
def _no_models_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLECAT_MODELS_DIR", raising=False)


def book(tmp_path: Path, text: str, builtin: Mapping[str, Mapping[str, Any]] | None = None) -> ProfileBook:
    file = tmp_path / "polecat.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, builtin=builtin or {})


def problem(tmp_path: Path, text: str, builtin: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """The message that a text is refused with, less the folder."""
    with pytest.raises(ProfileError) as refused:
        book(tmp_path, text, builtin)
    message = str(refused.value)
    assert message.isprintable()
    return message.removeprefix(f"{tmp_path}/")


def test_the_nearest_file_upward_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "polecat.toml").touch()
    assert find_config(deep) == tmp_path / "polecat.toml"
    (deep / "polecat.toml").touch()
    assert find_config(deep) == deep / "polecat.toml"


def test_a_folder_named_polecat_toml_is_refused_rather_than_passed_over(tmp_path: Path) -> None:
    (tmp_path / "polecat.toml").mkdir()
    found = find_config(tmp_path)
    with pytest.raises(ProfileError, match=r"polecat\.toml: this is a folder; name the file in it$"):
        load(found)


def test_a_profile_has_the_values_of_its_table(tmp_path: Path) -> None:
    profile = book(tmp_path, BASE).get("base")
    assert profile.name == "base"
    assert profile.parallel == 4
    assert profile.args == {"ctx-size": 8192, "jinja": True}
    assert profile.roles == ("judge",)
    assert profile.reasoning.budget == 4096
    assert profile.sampling.extra == {"dry_multiplier": 0.8, "samplers": ["top_k"]}


def test_without_a_file_there_are_the_built_in_profiles_of_every_package() -> None:
    packages: list[dict[str, dict[str, Any]]] = [
        {"demo": {"model": "demo.gguf"}},
        {"theirs": {"extends": "demo", "parallel": 2}},
    ]
    both = load(None, builtin=packages)
    assert list(both.profiles) == ["demo", "theirs"]
    assert both.get("theirs").model == "demo.gguf"
    assert both.builtin == {"demo", "theirs"}
    assert both.file is None
    with pytest.raises(ProfileError, match="two packages bring a profile of this name; rename one of them"):
        load(None, builtin=[{"demo": {}}, {"demo": {}}])


def test_a_profile_of_the_file_wins_over_a_built_in_one_and_may_extend_it(tmp_path: Path) -> None:
    builtin: dict[str, dict[str, Any]] = {
        "demo": {"model": "demo.gguf", "parallel": 4},
        "demo-weak": {"extends": "demo", "description": "weak"},
    }
    merged = book(tmp_path, "[profiles.demo]\nextends = 'demo'\nparallel = 8", builtin)
    assert merged.get("demo").model == "demo.gguf"
    assert merged.get("demo").parallel == 8
    assert merged.get("demo-weak").parallel == 4, "a built-in profile stays what it is"
    assert merged.builtin == {"demo-weak"}
    assert builtin["demo"] == {"model": "demo.gguf", "parallel": 4}, "what was handed in is not changed"


def test_what_is_inherited_is_merged_key_by_key_in_tables_and_replaced_elsewhere(tmp_path: Path) -> None:
    child = """
[profiles.child]
extends = "base"
roles = []
args.ctx-size = 16384
reasoning = { budget = 100 }
sampling = { top_p = 0.9, extra = { dry_multiplier = 0.5 } }
"""
    profile = book(tmp_path, BASE + child).get("child")
    assert profile.description == "the base"
    assert profile.roles == ()
    assert profile.args == {"ctx-size": 16384, "jinja": True}
    assert (profile.reasoning.enabled, profile.reasoning.budget) == (True, 100)
    assert (profile.sampling.temperature, profile.sampling.top_p) == (0.7, 0.9)
    assert profile.sampling.extra == {"dry_multiplier": 0.5, "samplers": ["top_k"]}


def test_the_short_form_of_reasoning_replaces_what_was_inherited(tmp_path: Path) -> None:
    profile = book(tmp_path, BASE + '[profiles.child]\nextends = "base"\nreasoning = "off"').get("child")
    assert (profile.reasoning.enabled, profile.reasoning.budget) == (False, None)


def test_later_parents_win_and_a_shared_ancestor_counts_once(tmp_path: Path) -> None:
    text = """
[profiles.child]
extends = ["fast", "quiet"]
[profiles.fast]
extends = "root"
parallel = 8
[profiles.quiet]
extends = "root"
system = "Be brief."
[profiles.root]
parallel = 1
system = "Hello."
prompt_prefix = "Q: "
"""
    profile = book(tmp_path, text).get("child")
    assert (profile.parallel, profile.system, profile.prompt_prefix) == (8, "Be brief.", "Q: ")


def test_the_book_knows_which_profile_each_key_comes_from(tmp_path: Path) -> None:
    child = '[profiles.child]\nextends = "base"\nargs.threads = 4\nargs.ctx-size = 1\n'
    origins = book(tmp_path, BASE + child).origins["child"]
    assert origins["args.threads"] == origins["args.ctx-size"] == "child"
    assert origins["args.jinja"] == origins["sampling.extra.dry_multiplier"] == origins["roles"] == "base"
    assert "extends" not in origins


def test_models_dir_is_relative_to_the_file_and_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("DISK", "/disk")
    assert book(tmp_path, "models_dir = 'weights'").models_dir == tmp_path / "weights"
    assert book(tmp_path, "models_dir = '~/weights'").models_dir == Path("/home/someone/weights")
    assert book(tmp_path, "models_dir = '${DISK}/weights'").models_dir == Path("/disk/weights")
    monkeypatch.setenv("POLECAT_MODELS_DIR", "~/other")
    assert book(tmp_path, "models_dir = 'weights'").models_dir == Path("/home/someone/other")
    assert load(None).models_dir == Path("/home/someone/other")


def test_only_paths_of_weights_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    text = """
[profiles.local]
model = "~/a.gguf"
mmproj = "$HOME/b.gguf"
system = "~ and $HOME"
env = { WHERE = "$HOME" }
[profiles.remote]
url = "https://example.org/v1"
model = "~vendor/$model"
"""
    profiles = book(tmp_path, text)
    local = profiles.get("local")
    assert (local.model, local.mmproj) == ("/home/someone/a.gguf", "/home/someone/b.gguf")
    assert (local.system, local.env) == ("~ and $HOME", {"WHERE": "$HOME"})
    assert profiles.get("remote").model == "~vendor/$model"


def test_an_unknown_name_is_refused_with_the_nearest_ones(tmp_path: Path) -> None:
    profiles = book(tmp_path, "[profiles.other]\n[profiles.35b-a3b-regex]\n[profiles.35b-a3b-cmoe]\n")
    with pytest.raises(ProfileError) as refused:
        profiles.get("35b-a3b")
    assert str(refused.value) == (
        f'no profile "35b-a3b" in {tmp_path}/polecat.toml; nearest: "35b-a3b-regex", "35b-a3b-cmoe"; '
        "list them with: polecat profiles list"
    )
    with pytest.raises(ProfileError, match=r'no profile "zz\\n" \(there is no polecat.toml in this folder or above'):
        load(None).get("zz\n")


REFUSED = {
    # TOML itself
    "[profiles.a": "1: not valid TOML: expected ']' at the end of a table declaration; close the bracket",
    "[profiles.my model]": "1: not valid TOML: expected ']' at the end of a table declaration (column ",
    "\n[profiles.a]\nurl = http://x": "3: not valid TOML: invalid value (column 7); write key = value, with",
    "[profiles.a]\n[profiles.a]": "2: not valid TOML: cannot declare ('profiles', 'a') twice",
    '[profiles.a]\ncommand = "-ot blk\\.1"': "2: not valid TOML: unescaped '\\' in a string (column ",
    "models_dir: 3": "1: not valid TOML: expected '=' after a key",
    "x = " + "[" * 3000: " nested too deeply",
    "[profiles.a]\nargs.a" + ".a" * 3000 + " = 1": " nested too deeply",
    # the top level
    "[profile.a]": '1: profile: unknown key; did you mean "profiles"?',
    "colour = 1": "1: colour: unknown key; models go into [profiles.NAME] tables",
    "models_dir = 3": "1: models_dir: must be a text in quotes, not the number 3",
    "models_dir = '$NOT_SET_ANYWHERE/x'": "1: models_dir: names an environment variable that is not set: $NOT_SET_",
    "profiles = 3": "1: profiles: must hold a table for each profile: [profiles.NAME]",
    "[profiles]\na = 3": "2: profiles.a: must be a table, not the number 3: [profiles.a]",
    "[[profiles.a]]": "1: profiles.a: must be a table, not a list",
    '[profiles."a b"]': '1: profiles."a b": a name is 1 to 80 ASCII letters',
    '[profiles."\\u001b[31m"]': '1: profiles."\\\\x1b[31m": a name is',
    # keys
    "[profiles.a]\nparalel = 2": '2: profiles.a.paralel: unknown key; did you mean "parallel"?',
    "[profiles.a]\nngl = 99": "2: profiles.a.ngl: unknown key; server flags go under args",
    "[profiles.a]\ntemperature = 1": "2: profiles.a.temperature: unknown key; write sampling.temperature",
    "[profiles.a]\nname = 'b'": "2: profiles.a.name: unknown key; the name stands in the header: [profiles.a]",
    "[profiles.qwen3.5-35b]\nparallel = 1": "1: profiles.qwen3.5-35b: unknown key; a name with dots stands in quotes: "
    '[profiles."qwen3.5-35b"]',
    "[profiles.a]\nsampling.temperatur = 1": '2: profiles.a.sampling.temperatur: unknown key; did you mean "temperat',
    "[profiles.a.sampling]\n\ndry_base = 1": "3: profiles.a.sampling.dry_base: unknown key; request fields",
    "[profiles.a]\nreasoning = { tokens = 1 }": "2: profiles.a.reasoning.tokens: unknown key; known are: ",
    # values
    "[profiles.a]\nparallel = '2'": "2: profiles.a.parallel: must be a whole number, not a text",
    "[profiles.a]\nparallel = true": "2: profiles.a.parallel: must be a whole number, not true",
    "[profiles.a]\nparallel = 0": "2: profiles.a.parallel: must be greater than or equal to 1",
    "[profiles.a]\nroles = 'x'": '2: profiles.a.roles: must be a list, such as ["a", "b"], not a text',
    "[profiles.a]\nroles = [\n1]": "2: profiles.a.roles[0]: must be a text in quotes, not the number 1",
    "[profiles.a]\nenv.OMP_NUM_THREADS = 1": "2: profiles.a.env.OMP_NUM_THREADS: must be a text in quotes, not the",
    "[profiles.a]\nprice = 3": "2: profiles.a.price: must be a table, not the number 3",
    "[profiles.a]\nreasoning = 'maybe'": '2: profiles.a.reasoning: write reasoning = "on", "off" or a number of tokens',
    "[profiles.a]\nreasoning = 1.5": '2: profiles.a.reasoning: write reasoning = "on", "off" or a number of tokens',
    "[profiles.a]\nargs.x = nan": "2: profiles.a.args.x: not a finite number",
    "[profiles.a]\nargs.x = [1, 2020-01-01]": "2: profiles.a.args.x[1]: a date is no value here; put it into quotes",
    "[profiles.a]\nargs.x = 0x1" + "0" * 16: "2: profiles.a.args.x: a number beyond 64 bits",
    '[profiles.a]\nmodel = "a\\u0000"': "2: profiles.a.model: holds a NUL character; take it out",
    "[profiles.a]\nurl = 'localhost:8080'": "2: profiles.a.url: must be an address such as",
    "[profiles.a]\nurl = 'http://[x'": "2: profiles.a.url: must be an address such as",
    '[profiles.a]\ncommand = "llama-server \'x"': "2: profiles.a.command: not a command line: no closing quotation",
    "[profiles.a]\ncommand = ' '": "2: profiles.a.command: is empty",
    "[profiles.a]\nurl = 'http://x'\nargs.x = 1": "1: profiles.a: `url` reaches a server that runs already: drop",
    "[profiles.b]\nargs.x = 1\n[profiles.a]\nextends = 'b'\nurl = 'http://x'": "3: profiles.a: `url` reaches a server "
    'that runs already: drop `command` and `args`, or drop `url` (it inherits args from "b")',
    # extends
    "[profiles.base]\n[profiles.a]\nextends = 'bas'": '3: profiles.a.extends: there is no profile "bas"; did you mean '
    '"base"?',
    "[profiles.a]\nextends = 'a'": "2: profiles.a.extends: goes round in a circle: a -> a",
    "[profiles.a]\nextends = 'b'\n[profiles.b]\nextends = ['a']": "4: profiles.b.extends: goes round in a circle: "
    "a -> b -> a; drop one of them",
    "[profiles.a]\nextends = 3": "2: profiles.a.extends: must be the name of a profile, or a list of names",
    "[profiles.a]\nextends = 'b'\n[profiles.b]\nsampling.top_p = 2": "4: profiles.b.sampling.top_p: must be less than",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=[f"{key[:60]!a}" for key in REFUSED])
def test_a_broken_file_is_refused_in_one_line_with_place_key_and_mend(tmp_path: Path, text: str, message: str) -> None:
    assert problem(tmp_path, text).startswith(f"polecat.toml:{message}")


def test_a_key_is_found_where_it_stands_and_not_in_a_text_of_many_lines(tmp_path: Path) -> None:
    text = '''
[profiles.a]
system = """
[profiles.b]
parallel = 0
"""
[profiles.b]  # here
"parallel" = 0
'''
    assert problem(tmp_path, text).startswith("polecat.toml:8: profiles.b.parallel: ")


def test_a_broken_built_in_profile_is_named_as_such(tmp_path: Path) -> None:
    message = problem(tmp_path, "", {"theirs": {"paralel": 1}})
    assert message == 'built-in profiles: profiles.theirs.paralel: unknown key; did you mean "parallel"?'
    assert "a PosixPath is no value here" in problem(tmp_path, "", {"theirs": {"model": Path("x")}})


def test_no_message_shows_what_may_be_a_key(tmp_path: Path) -> None:
    for text in ("api_key = 'sk-1'", "key_env = 'sk-1'", "key_env = ['sk-1']", "parallel = 'sk-1'", "price = 'sk-1'"):
        assert "sk-1" not in problem(tmp_path, f"[profiles.a]\n{text}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe[\x00", "polecat.toml: not UTF-8 at byte 0; save it as UTF-8"),
        (None, "polecat.toml: there is no such file; name another, or make it"),
    ],
)
def test_an_unreadable_file_is_refused_in_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "polecat.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ProfileError) as refused:
        load(file)
    assert str(refused.value) == f"{tmp_path}/{message}"


def test_a_file_below_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ProfileError, match=r"polecat\.toml: can't be read: Not a directory; "):
        load(tmp_path / "file" / "polecat.toml")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "polecat.toml").write_bytes(b"\xef\xbb\xbf[profiles.a]\r\nparallel = 2\r\n")
    assert load(tmp_path / "polecat.toml").get("a").parallel == 2


_SCALARS = st.sampled_from(
    ["1", "-1", "true", "nan", "1e400", "''", "'x'", '"\\u0000"', "[]", "['a']", "[[1]]", "{}", "{a = 1}", "1979-05-27"]
)
_KEYS = st.sampled_from(
    [
        *Profile.model_fields,
        "extends",
        "sampling.extra",
        "sampling.stop",
        "args.'a b'",
        "env.X",
        "price.input",
        '"é\\n"',
    ]
)
_LINES = st.one_of(
    st.builds("{} = {}".format, _KEYS, _SCALARS),
    st.sampled_from(["[profiles.a]", "[profiles.b]", "[profiles.a.sampling]", "[x", '"""', "models_dir = 1", "="]),
    st.text(max_size=8),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(_LINES, max_size=8))
@example(lines=["[profiles.a]", "extends = ['b']", "[profiles.b]", "extends = 'a'"])
def test_whatever_a_file_holds_it_is_a_book_or_one_line(tmp_path: Path, lines: list[str]) -> None:
    file = tmp_path / "polecat.toml"
    file.write_text("\n".join(["[profiles.first]", *lines]), encoding="utf-8", errors="replace", newline="")
    message = str(file)
    try:
        load(file, builtin={"demo": {}})
    except ProfileError as error:
        message = str(error)
    assert message.isprintable()
    assert message.startswith(str(file))


def test_a_fingerprint_is_the_same_in_every_run_and_on_every_machine() -> None:
    profile = Profile(name="a", model="m.gguf", args={"ctx-size": 8192})
    assert fingerprint(profile) == "39165b0046330082"
    assert fingerprint(profile, {"model": "f00d"}) != fingerprint(profile)


@pytest.mark.parametrize(
    "change",
    [
        {"args": {"ctx-size": 8192, "port": 9999, "host": "0.0.0.0", "api_key": "k"}},
        {"description": "other"},
        {"launcher": "binary", "url": "http://127.0.0.1:4711/v1"},
        {"ready_timeout": 1.0},
    ],
)
def test_how_a_launched_server_is_reached_and_what_no_reply_shows_does_not_matter(change: dict[str, Any]) -> None:
    profile = Profile(name="a", model="m.gguf", args={"ctx-size": 8192})
    assert fingerprint(profile.model_copy(update=change)) == fingerprint(profile)


@pytest.mark.parametrize("change", [{"parallel": 2}, {"system": "x"}, {"args": {"ctx-size": 1}}, {"model": "n.gguf"}])
def test_what_may_change_a_reply_changes_the_fingerprint(change: dict[str, Any]) -> None:
    profile = Profile(name="a", model="m.gguf", args={"ctx-size": 8192})
    assert fingerprint(profile.model_copy(update=change)) != fingerprint(profile)


def test_the_port_on_a_command_line_does_not_matter_but_its_other_flags_do() -> None:
    prints = {
        fingerprint(Profile(name="a", command=f"llama-server {rest}"))
        for rest in ("-c 10 --port 1", "--port 2 -c   10", "--host=0.0.0.0 -c 10", "-c 10")
    }
    assert len(prints) == 1
    assert fingerprint(Profile(name="a", command="llama-server -c 11")) not in prints


def test_the_identity_of_the_weights_stands_for_their_path() -> None:
    here, there = (Profile(name="a", model=f"/{place}/m.gguf") for place in ("here", "there"))
    assert fingerprint(here) != fingerprint(there)
    known, other = {"model": "f00d"}, {"model": "beef"}
    assert fingerprint(here, known) == fingerprint(there, known) != fingerprint(there, other)


def test_the_identity_of_a_draft_stands_for_its_path_on_a_command_line_too() -> None:
    commands = [f"llama-server -m /{place}/m.gguf -md /{place}/d.gguf -c 10" for place in ("here", "there")]
    here, there = (Profile(name="a", command=command) for command in commands)
    known = {"model": "f00d", "draft": "beef"}
    assert fingerprint(here, known) == fingerprint(there, known)
    assert fingerprint(here, known) != fingerprint(here, {**known, "draft": "f00d"})


def test_the_url_of_a_server_that_runs_already_matters() -> None:
    one, other = (Profile(name="a", url=f"http://{host}/v1") for host in ("one", "other"))
    assert fingerprint(one) != fingerprint(other)


def test_the_api_key_comes_from_the_variable_that_the_profile_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-1\n")
    assert api_key(Profile(name="a", key_env="SOME_KEY")) == "sk-1"
    assert api_key(Profile(name="a")) is None


@pytest.mark.parametrize("value", [None, " "])
def test_a_missing_api_key_is_refused_with_profile_key_variable_and_mend(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv("SOME_KEY", raising=False)
    else:
        monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(ProfileError) as refused:
        api_key(Profile(name="a", key_env="SOME_KEY"))
    assert str(refused.value) == (
        'profile "a": key_env names SOME_KEY, which is not set in the environment; set it: export SOME_KEY=…'
    )


def test_a_key_written_into_key_env_is_not_shown() -> None:
    with pytest.raises(ProfileError) as refused:
        api_key(Profile(name="a", key_env="sk-secret-1"))
    assert "sk-secret" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "polecat.toml").touch(mode=0)
    with pytest.raises(ProfileError, match="can't be read: Permission denied; make it readable"):
        load(tmp_path / "polecat.toml")
