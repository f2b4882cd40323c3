import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from pytest_polecat import cli
from pytest_polecat.jsonl import json_line
from pytest_polecat.records.attempt import Attempt, Case
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.question import Question
from pytest_polecat.records.run import Host, ProfileRun, Run
from pytest_polecat.rundir import RunDir
from tests.little_room import room_for

CONFIG = """
models_dir = "weights"

[profiles.base]
description = "örtlich [bold]"
model = "m.gguf"
args = { ctx-size = 8192, override-tensor = 'blk\\.1=CPU' }
sampling.temperature = 0.5

[profiles."qwen3.5"]
extends = "base"
parallel = 4
roles = ["judge"]
env = { HF_TOKEN = "hunter2", OMP_NUM_THREADS = "1" }
args.api-key = "hunter2"

[profiles.line]
command = "llama-server -m big.gguf --api-key hunter2 --port 1"
wrapper = ["env", "API_TOKEN=hunter2", "numactl", "--password", "hunter2"]

[profiles.remote]
url = "https://me:hunter2@example.org/v1?api_key=hunter2&x=1"
model = "vendor/model"
key_env = "SOME_KEY"
sweep = { ctx = [1, 2] }
"""


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


class Polecat(Protocol):
    def __call__(self, *arguments: str) -> Result: ...


@pytest.fixture
def polecat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Polecat:
    """The command line tool, run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POLECAT_MODELS_DIR", raising=False)

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["polecat", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        status = ended.value.code or 0
        assert isinstance(status, int)
        assert "Traceback" not in err
        return Result(status, out, err)

    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "polecat.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def refused(result: Result) -> str:
    """The one line that an error is."""
    assert result.status == 2
    assert result.out == ""
    [line] = result.err.splitlines()
    assert line.isprintable()
    return line


def test_the_version_is_that_of_the_distribution(polecat: Polecat) -> None:
    assert polecat("--version").out == f"pytest-polecat {importlib.metadata.version('pytest-polecat')}\n"


def test_without_arguments_the_help_is_shown(polecat: Polecat) -> None:
    result = polecat()
    assert "profiles" in result.out + result.err
    assert "schema" in result.out + result.err


def test_the_list_is_plain_and_aligned_in_a_pipe(polecat: Polecat, config: Path) -> None:
    result = polecat("profiles", "list")
    assert result.status == 0
    header, *rows = result.out.splitlines()
    assert header.split() == ["name", "launcher", "model", "description", "from"]
    assert not any(row.endswith(" ") for row in rows)
    assert {row[header.index("from") :] for row in rows} == {str(config), "built-in"}
    assert [row[: header.index("launcher")].rstrip() for row in rows][:4] == ["base", "qwen3.5", "line", "remote"]
    by_name = {row.split()[0]: row for row in rows}
    assert by_name["base"].split()[1:5] == ["binary", "m.gguf", "örtlich", "[bold]"]
    assert by_name["line"].split()[2] == "big.gguf"
    assert by_name["demo"].endswith("built-in")


def test_another_file_can_be_named(polecat: Polecat, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[profiles.mine]\n")
    assert f"{other}\n" in polecat("-c", str(other), "profiles", "list").out
    assert "[profiles.mine]" in polecat("--config", "other.toml", "profiles", "show", "mine").out


def test_what_is_shown_is_the_profile_in_toml_with_the_source_of_each_key(polecat: Polecat, config: Path) -> None:
    out = polecat("profiles", "show", "base").out
    shown = tomllib.loads(out)["profiles"]["base"]
    assert Profile.model_validate({"name": "base", **shown}).args == {
        "ctx-size": 8192,
        "override-tensor": "blk\\.1=CPU",
    }
    out = polecat("profiles", "show", "qwen3.5").out
    assert out.startswith(f'# {config}\n# models_dir: {config.parent}/weights\n[profiles."qwen3.5"]\n')
    assert 'args.ctx-size = 8192  # from "base"\n' in out
    assert "parallel = 4\n" in out
    assert "ready_timeout = 600.0  # default\n" in out
    assert 'launcher = "binary"  # default\n' in out
    assert "mmproj" not in out


def test_secrets_are_not_shown(polecat: Polecat, config: Path) -> None:
    out = "".join(polecat("profiles", "show", name).out for name in ("qwen3.5", "line", "remote"))
    assert "hunter2" not in out + polecat("profiles", "list").out
    assert 'env.HF_TOKEN = "***"\n' in out
    assert 'env.OMP_NUM_THREADS = "1"\n' in out
    assert "command = \"llama-server -m big.gguf --api-key '***' --port 1\"\n" in out
    assert 'wrapper = ["env", "API_TOKEN=***", "numactl", "--password", "***"]\n' in out
    assert 'url = "https://***@example.org/v1?api_key=***&x=***"\n' in out
    assert 'key_env = "SOME_KEY"\n' in out
    assert "sweep = {ctx = [1, 2]}\n" in out


@pytest.mark.parametrize("text", ['system = "a\\u009b\\"\\\\b\\n\\u007fü😀"', 'args."a b".c = [1.5e-7, true, "x"]'])
def test_whatever_is_shown_can_be_read_again_and_does_nothing_to_a_terminal(
    text: str, polecat: Polecat, tmp_path: Path
) -> None:
    (tmp_path / "polecat.toml").write_text(f"[profiles.a]\n{text}", encoding="utf-8")
    out = polecat("profiles", "show", "a").out
    assert all(line.isprintable() for line in out.splitlines())
    written = tomllib.loads(f"[profiles.a]\n{text}")["profiles"]["a"]
    assert written.items() <= tomllib.loads(out)["profiles"]["a"].items()


def test_an_unknown_profile_is_one_line_with_the_nearest(polecat: Polecat, config: Path) -> None:
    line = refused(polecat("profiles", "show", "qwen"))
    assert line == (
        f'polecat: no profile "qwen" in {config}; nearest: "qwen3.5"; list them with: polecat profiles list'
    )


@pytest.mark.parametrize("text", ["[profiles.a", "[profiles.a]\nurl = 3", "x\0y", "[profiles.'\n']"])
def test_a_broken_file_is_one_line(polecat: Polecat, tmp_path: Path, text: str) -> None:
    (tmp_path / "polecat.toml").write_text(text)
    assert refused(polecat("profiles", "list")).startswith(f"polecat: {tmp_path}/polecat.toml:")


def test_a_file_that_is_not_there_is_one_line(polecat: Polecat, tmp_path: Path) -> None:
    line = refused(polecat("-c", "no\nfile", "profiles", "list"))
    assert line == f"polecat: {tmp_path}/no\\nfile: there is no such file; name another, or make it"


@pytest.mark.parametrize("arguments", [["profile"], ["profiles", "show"], ["--nope"], ["report"], ["profiles", "no"]])
def test_wrong_usage_says_so_without_a_traceback(arguments: list[str], polecat: Polecat) -> None:
    result = polecat(*arguments)
    assert result.status == 2
    assert "Error: " in result.err


def test_the_schema_is_json(polecat: Polecat) -> None:
    schema = json.loads(polecat("schema").out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "excludes" in json.dumps(schema)


def make_run(runs: Path, *profiles: str) -> RunDir:
    """A small run of these profiles, one question each."""
    run = RunDir.planned(runs)
    run.make()
    run.write_run(
        Run(
            id=run.id,
            status="finished",
            started="2026-11-21T14:30:05+00:00",
            host=Host(system="Linux", machine="x86_64"),
            seed=0,
            epochs=1,
            selected=len(profiles),
            profiles={name: ProfileRun(profile=Profile(name=name), hash="0" * 16) for name in profiles},
        )
    )
    attempts = [
        Attempt(
            nodeid=f"test_it[{name}]",
            profile=name,
            suite="s",
            question="q",
            hash="0" * 16,
            outcome=Outcome.PASSED,
            earned=1,
        )
        for name in profiles
    ]
    cases = [Case.model_validate(attempt.model_dump()) for attempt in attempts]
    question = {"hash": "0" * 16, "suite": "s", "question": Question(id="q", prompt="?").model_dump(mode="json")}
    (run.path / "selected.jsonl").write_bytes(b"".join(json_line(each.model_dump(mode="json")) for each in cases))
    (run.path / "questions.jsonl").write_bytes(json_line(question))
    run.attempts_file.write_bytes(b"".join(json_line(each.model_dump(mode="json")) for each in attempts))
    return run


def test_a_run_gets_its_page(polecat: Polecat, tmp_path: Path) -> None:
    run = make_run(tmp_path / "polecat-runs", "one")
    for name in (str(run.path), run.id, f"{run.path}/run.json"):
        run.report().unlink(missing_ok=True)
        result = polecat("report", name)
        assert result.status == 0, result.err
        assert (tmp_path / result.out.strip()).samefile(run.report())


def test_a_run_of_several_models_gets_a_page_for_each(polecat: Polecat, tmp_path: Path) -> None:
    run = make_run(tmp_path / "polecat-runs", "one", "two")
    assert len(polecat("report", run.id).out.splitlines()) == 2
    assert run.report("one").exists()
    run.report("one").unlink()
    assert polecat("report", run.id, "--profile", "two").status == 0
    assert not run.report("one").exists()
    line = refused(polecat("report", run.id, "--profile", "tow"))
    assert line == 'polecat: no profile "tow" in this run; it has: "two"'


def test_what_is_no_run_is_one_line(polecat: Polecat, tmp_path: Path) -> None:
    assert refused(polecat("report", "nope")) == (
        "polecat: nope: there is no such run; give its folder, such as polecat-runs/20261121-143005-c7f2"
    )
    assert refused(polecat("report", str(tmp_path))) == f"polecat: {tmp_path} is not a run: it holds no run.json"


@pytest.mark.parametrize("file", ["run.json", "attempts.jsonl", "selected.jsonl", "questions.jsonl"])
@pytest.mark.parametrize("content", [b"{\n", b"[1]\n", b'{"a": 1}\n', b"\xff\n"], ids=repr)
def test_a_damaged_run_is_one_line(polecat: Polecat, tmp_path: Path, file: str, content: bytes) -> None:
    run = make_run(tmp_path, "one")
    whole = (run.path / file).read_bytes()
    (run.path / file).write_bytes(content + whole)
    result = polecat("report", str(run.path))
    if content != b'{"a": 1}\n' and file in {"attempts.jsonl", "questions.jsonl"}:
        assert result.status == 0
        assert result.err.startswith(f"polecat: {run.path / file}: lines that are damaged: 1; ")
    else:
        assert str(run.path) in refused(result)


def test_a_page_that_finds_no_room_is_one_line(polecat: Polecat, tmp_path: Path) -> None:
    run = make_run(tmp_path, "one")
    with room_for(100):
        line = refused(polecat("report", str(run.path)))
    assert line.startswith(f"polecat: {run.report()} can't be made: File too large; pages go into the run's folder")
    assert not [path for path in run.path.iterdir() if "report" in path.name]


@pytest.mark.parametrize("content", [b"", b'{"suite": "half'])
def test_a_selection_that_is_not_whole_makes_no_page(polecat: Polecat, tmp_path: Path, content: bytes) -> None:
    run = make_run(tmp_path, "one")
    run.selected_file.unlink()
    if content:
        run.selected_file.write_bytes(content)
    assert "--polecat-resume writes" in refused(polecat("report", str(run.path)))


def command(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest_polecat.cli", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_letters_that_a_terminal_lacks_do_no_harm(config: Path) -> None:
    done = command("profiles", "list", cwd=config.parent, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "rtlich [bold]" in done.stdout


def test_a_reader_that_stops_early_sees_no_traceback(config: Path) -> None:
    script = f"{sys.executable} -m pytest_polecat.cli profiles show base | true"
    done = subprocess.run(
        ["sh", "-c", script], cwd=config.parent, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
