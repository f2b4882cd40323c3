import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pytest_polecat.demo.cache import demo_model
from pytest_polecat.errors import PolecatError
from pytest_polecat.resources import bundled

pytest.importorskip("gguf", reason="the demo model needs the extra demo")


@pytest.fixture
def replies(tmp_path: Path) -> Path:
    file = tmp_path / "replies.yaml"
    file.write_text("default: No.\nreplies: [{trigger: a question, text: Yes., weak: Perhaps.}]\n")
    return file


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "polecat" / "demo"


def test_a_model_is_built_once(replies: Path, cache: Path) -> None:
    model = demo_model("demo", replies)
    built = model.stat().st_ino
    assert model.parent == cache
    assert model.read_bytes()[:4] == b"GGUF"
    assert demo_model("demo", replies) == model
    assert model.stat().st_ino == built


def test_another_model_or_another_spec_is_another_file(replies: Path, cache: Path) -> None:
    models = {demo_model("demo", replies), demo_model("demo-weak", replies)}
    replies.write_text(replies.read_text().replace("Yes.", "Of course."))
    models.add(demo_model("demo", replies))
    assert len(models) == 3
    assert set(cache.glob("*.gguf")) == models


def test_of_processes_that_need_it_at_once_one_builds_it(replies: Path, cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pytest_polecat.demo.cache import demo_model\n"
        "model = demo_model('demo', Path(sys.argv[1])); print(model, model.stat().st_ino)"
    )
    command = [sys.executable, "-c", code, str(replies)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = {process.communicate()[0].strip() for process in running}
    assert printed == {f"{path} {path.stat().st_ino}" for path in cache.glob("*.gguf")}


def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_folder(
    replies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = demo_model("demo", replies)
    assert model.parent == tmp_path / f"polecat-demo-{os.getuid()}"
    assert model.parent.stat().st_mode & 0o077 == 0


def test_when_nothing_can_be_written_the_error_says_what_to_set(
    replies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "cache"))
    with pytest.raises(PolecatError, match="set XDG_CACHE_HOME to a folder that can be"):
        demo_model("demo", replies)


def test_models_that_were_not_used_for_long_are_removed(replies: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    old, recent = cache / "demo-1.gguf", cache / "demo-2.gguf"
    for file in (old, recent):
        file.touch()
    os.utime(old, (time.time() - 40 * 24 * 3600,) * 2)
    demo_model("demo", replies)
    assert not old.exists()
    assert recent.exists()


def test_what_another_process_is_just_done_with_is_no_trouble(replies: Path, cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gone.gguf.part").symlink_to(cache / "nowhere")
    assert demo_model("demo", replies).is_file()


def test_a_model_that_is_used_is_not_removed_and_not_changed(replies: Path, cache: Path) -> None:
    model = demo_model("demo", replies)
    before = model.stat()
    after = demo_model("demo", replies).stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )
    os.utime(model, (time.time() - 40 * 24 * 3600,) * 2)
    demo_model("demo-weak", replies)
    assert model.exists()


def test_the_bundled_replies_make_a_model(cache: Path) -> None:
    assert demo_model("demo").parent == demo_model("demo-weak").parent == cache


def test_what_is_not_bundled_is_an_error_with_its_name() -> None:
    assert (bundled("fixtures") / "demo" / "default.yaml").is_file()
    with pytest.raises(PolecatError, match="'nonsense' is missing"):
        bundled("nonsense")
