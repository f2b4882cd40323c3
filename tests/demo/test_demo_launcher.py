import importlib.util
from pathlib import Path

import pytest

from pytest_polecat.demo import launcher as launcher_module
from pytest_polecat.demo.launcher import DemoLauncher
from pytest_polecat.demo.profiles import PROFILES
from pytest_polecat.demo.spec import load
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile
from pytest_polecat.resources import bundled
from tests.demo.served import free_port, running

pytest.importorskip("xllamacpp", reason="the demo model needs the extra demo")
pytest.importorskip("gguf", reason="the demo model needs the extra demo")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _profile(name: str) -> Profile:
    return Profile.model_validate({"name": name, **PROFILES[name]})


@pytest.mark.parametrize("name", PROFILES)
def test_each_built_in_profile_gives_every_reply_of_the_bundled_file(name: str, tmp_path: Path) -> None:
    profile = _profile(name)
    spec = load(bundled("fixtures/demo"))
    launch = DemoLauncher().prepare(profile, None, free_port())
    with running(launch, tmp_path / "log") as server:
        props = server.client.get("/props").json()
        assert props["total_slots"] == profile.parallel
        assert props["default_generation_settings"]["n_ctx"] == 8192
        assert server.ask("Nothing of this is known.").content == spec.default
        for trigger, answer in zip(spec.triggers, spec.answers(weak=name == "demo-weak"), strict=True):
            choice = server.ask(f"Well then: {trigger}.", max_tokens=40 if answer.endless else 2000)
            if not answer.endless:
                assert choice.content in [text for _, text in answer.draws]
                assert choice.reasoning == answer.think


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> object:
        return None if name == "gguf" else importlib.util.find_spec(name)

    monkeypatch.setattr(launcher_module, "find_spec", find_spec)
    with pytest.raises(ProfileError) as caught:
        DemoLauncher().check(_profile("demo"), None)
    assert str(caught.value) == ("profile 'demo': launcher 'demo' needs gguf; pip install 'pytest-polecat[demo]'")


def test_another_model_is_refused_with_those_there_are() -> None:
    profile = _profile("demo").model_copy(update={"model": "qwen.gguf"})
    with pytest.raises(ProfileError, match=r"has no model 'qwen.gguf'; set `model` to one of: demo, demo-weak"):
        DemoLauncher().check(profile, None)


def test_a_flag_that_the_server_does_not_have_is_refused_before_it_starts() -> None:
    profile = _profile("demo").model_copy(update={"args": {"no-such-flag": 1}})
    with pytest.raises(ProfileError, match="no-such-flag"):
        DemoLauncher().check(profile, None)
