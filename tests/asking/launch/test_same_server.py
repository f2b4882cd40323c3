"""A score is of one model: what answers must stay what it was, and what it was is told without secrets."""

from pathlib import Path

import anyio
import pytest

from pytest_polecat.asking.commands import written
from pytest_polecat.asking.crowd import Crowd
from pytest_polecat.asking.launch.base import find_file, without_hidden_settings
from pytest_polecat.asking.launch.binary.command_line import compose
from pytest_polecat.asking.launch.keeper import Servers
from pytest_polecat.asking.launch.reaching import describe_external
from pytest_polecat.asking.launch.served import warm_up
from pytest_polecat.asking.secrets import safe_text, safe_words
from pytest_polecat.asking.weights.digest import sha256_of
from pytest_polecat.errors import ProfileError, ServerError
from pytest_polecat.records.profile import Profile
from pytest_polecat.rundir import RunDir
from tests.asking.launch.builds import recorded
from tests.asking.launch.helpers import write_random_model
from tests.fake_answers import status
from tests.fake_server import FakeServer

BUILD = recorded(11434)


def test_weights_that_are_replaced_during_a_run_end_it(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the embedded server needs xllamacpp")
    from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher

    weights = write_random_model(tmp_path / "m.gguf")
    begun = {"a": {"model": sha256_of(weights)}}
    write_random_model(weights, width=128)
    profile = Profile(name="a", model=str(weights), launcher="embedded", args={"ctx-size": 512})
    launcher = EmbeddedLauncher()
    servers = Servers({"a": profile}, {"embedded": launcher}, None, RunDir(tmp_path / "run"), weights=begun)
    with servers, pytest.raises(ServerError, match=r"m\.gguf was replaced during the run"):
        servers.wait("a")


def test_another_server_at_the_same_address_is_not_taken_for_the_first(tmp_path: Path) -> None:
    from pytest_polecat.asking.launch.external import ExternalLauncher

    with FakeServer(context=1024) as server:
        profile = Profile(name="a", url=server.url, model="fake")
        run = RunDir(tmp_path / "run")
        with Servers({"a": profile}, {"external": ExternalLauncher()}, None, run) as servers:
            first = servers.wait("a")
            assert servers.lost("a") == first
            server.model = "another"
            with pytest.raises(ServerError, match=r"another server answers at .*its model was fake, and is another"):
                servers.lost("a")


def test_a_server_that_calls_its_model_otherwise_is_told_of() -> None:
    with FakeServer() as server:
        (note,) = describe_external(Profile(name="a", url=server.url, model="qwen3-32b")).notes
        assert "'fake'" in note
        assert "'qwen3-32b'" in note


def test_the_key_that_a_server_quotes_at_its_first_request_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-topsecretvalue")
    with FakeServer() as server:
        server.script(status(400, "bad key: Bearer sk-topsecretvalue"))
        with pytest.raises(ServerError) as caught:
            warm_up(Profile(name="a", url=server.url, key_env="MY_KEY"), server.url)
        assert "bad key" in str(caught.value)
        assert "topsecret" not in str(caught.value)


def test_addresses_and_words_are_shown_without_their_passwords() -> None:
    assert safe_text("see http://me:hunter2@host:1/v1 there") == "see http://***@host:1/v1 there"
    words = [
        "-mu",
        "http://u:pw@h/m.gguf",
        "DB_PASS=x",
        "GITHUB_PAT=y",
        "--override-kv",
        "tokenizer.ggml.bos_token=int:1",
    ]
    assert safe_words(words)[1:] == ["http://***@h/m.gguf", "DB_PASS=***", "GITHUB_PAT=***", *words[4:]]


def test_nothing_of_the_users_environment_configures_a_server() -> None:
    kept = without_hidden_settings(
        {"LLAMA_API_KEY": "k", "LLAMA_CHAT_TEMPLATE_KWARGS": "{}", "LLAMA_CACHE": "/c", "A": "b"}
    )
    assert {name for name in kept if name != "XDG_CONFIG_HOME"} == {"LLAMA_CACHE", "A"}


@pytest.mark.parametrize("name", ["~nobodyofthisname/m.gguf", "x" * 300 + ".gguf"])
def test_a_file_name_that_can_not_be_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ProfileError, match="was not found"):
        find_file(Profile(name="a", model=name), "model", None)


def test_slots_that_share_their_context_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").touch()
    profile = Profile(name="a", model="m.gguf", parallel=2, args={"kv-unified": True})
    with pytest.raises(ProfileError, match="take each other's context"):
        compose(profile, BUILD, tmp_path)


def test_what_a_flag_names_beside_the_weights_is_part_of_the_identity(tmp_path: Path) -> None:
    for name in ("m.gguf", "t.jinja", "a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    lora = f"{tmp_path}/a.gguf,{tmp_path}/b.gguf"
    profile = Profile(name="a", model="m.gguf", args={"chat-template-file": f"{tmp_path}/t.jinja", "lora": lora})
    found = compose(profile, BUILD, tmp_path).other_files
    assert {name.partition(".")[0] for name in found} == {"chat-template-file", "lora"}
    assert {path.name for path in found.values()} == {"t.jinja", "a.gguf", "b.gguf"}


def test_a_fit_that_the_user_asks_for_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").touch()
    profile = Profile(name="a", command="llama-server -m m.gguf -fit on")
    argv = compose(profile, BUILD, tmp_path).argv(profile, 1)
    assert [argv[index : index + 2] for index, word in enumerate(argv) if word in ("-fit", "--fit")] == [("-fit", "on")]


@pytest.mark.parametrize(
    ("command", "wrapper", "program"),
    [
        ("env -u FOO llama-server -m x", ("env", "-u", "FOO"), "llama-server"),
        ("env A=b llama-server -m x", (), "llama-server"),
        ("numactl -N 0 llama-server-cuda -m x", ("numactl", "-N", "0"), "llama-server-cuda"),
        ("my-own-server -m x", (), "my-own-server"),
    ],
)
def test_what_stands_before_the_program_is_kept(command: str, wrapper: tuple[str, ...], program: str) -> None:
    said = written(Profile(name="a", command=command))
    assert (said.wrapper, said.program) == (wrapper, program)


def test_whoever_wants_to_be_alone_waits_and_is() -> None:
    inside: list[str] = []

    async def shared(crowd: Crowd, name: str) -> None:
        async with crowd.among():
            inside.append(name)
            await anyio.sleep(0.01)
            inside.remove(name)

    async def single(crowd: Crowd) -> None:
        async with crowd.alone():
            assert inside == []
            inside.append("single")
            await anyio.sleep(0.01)
            assert inside == ["single"]
            inside.clear()

    async def everybody() -> None:
        crowd = Crowd()
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(shared, crowd, f"s{number}")
                if number % 5 == 0:
                    tasks.start_soon(single, crowd)

    anyio.run(everybody)
    assert inside == []
