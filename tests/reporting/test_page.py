import hashlib
import json
import re
import sys
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pytest_polecat.errors import PolecatError
from pytest_polecat.reporting.html import page as page_module
from pytest_polecat.reporting.html.data import page_data
from pytest_polecat.reporting.html.page import render, write_page
from tests.reporting import hostile
from tests.reporting.synthetic import PROFILE, Story, everything, write_run


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page_of(folder: Path, *stories: Story, deselected: int = 0) -> str:
    return render(page_data(write_run(folder, stories, deselected=deselected), PROFILE))


@pytest.fixture(scope="module")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(tmp_path_factory.mktemp("full"), *everything(), deselected=3)


@pytest.mark.parametrize(
    "fact",
    [
        "Demo 35B A3B",
        "Demo-35B-A3B-IQ4_NL.gguf (19.70 GB)",
        "9f" * 32,
        "b9123-1a2b3c4d",
        "c0ffee1234567890",
        "llama-server -m /models/Demo-35B-A3B-IQ4_NL.gguf -c 65536 -np 4 -ot exps=CPU",
        "16384 tokens",
        "2026-11-21 14:30:05 UTC",
        "polecat 0.1.0, pytest 9.2.0, Python 3.11.9",
        "Example CPU, 16 cores, 128 GiB",
        "6.5–12.5/23",
        "subset: 9 of 12 selected",
        "incomplete",
        "the model sees no images",
        "the container did not start",
        "Wilson",
        "pytest --polecat-model=demo-35b suites/",
    ],
)
def test_the_page_says_what_was_measured_and_what_came_of_it(full_page: str, fact: str) -> None:
    assert fact in "".join(Elements(full_page).text)


def test_credentials_in_an_address_stay_out_of_the_page(full_page: str) -> None:
    assert "secret" not in full_page
    assert "http://127.0.0.1:8200/v1" in full_page


def test_every_question_has_an_anchor_and_a_command_to_run_it_again(full_page: str) -> None:
    for story in everything():
        assert f'id="{story.suite}/{story.question}/1"' in full_page
        assert f"pytest --polecat-model=demo-35b &#39;{story.case.nodeid}&#39;" in full_page


def test_epochs_have_anchors_of_their_own(tmp_path: Path) -> None:
    page = page_of(tmp_path, Story("a", epoch=1), Story("a", "missed", epoch=2))
    assert 'id="precision/a/1"' in page
    assert 'id="precision/a/2"' in page
    assert "epochs of a question are averaged first" in page


def test_what_is_unknown_is_called_unknown_and_a_server_that_never_ran_is_left_out(tmp_path: Path) -> None:
    page = render(page_data(write_run(tmp_path, [Story("a")], served=False), PROFILE))
    assert '<span class="none">unknown</span>' in page
    assert "<h3>Server</h3>" not in page


def test_a_reply_that_was_not_kept_is_called_so_and_the_question_is_still_shown(tmp_path: Path) -> None:
    page = page_of(tmp_path, Story("a", kept=False, prompt="What is asked here?"))
    assert "reply not kept" in page
    assert "What is asked here?" in page


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[1]", b"null", b'{"reply": 3}', b'{"reply": {"content": 1}}', b"[" * 10**6]
)
def test_a_damaged_reply_file_costs_its_text_and_not_the_page(tmp_path: Path, damage: bytes) -> None:
    rundir = write_run(tmp_path, [story := Story("a"), Story("b", content="the other one")])
    Path(rundir.reply_file(story.key)).write_bytes(damage)
    page = render(page_data(rundir, PROFILE))
    assert "reply not kept" in page
    assert "the other one" in page


def test_a_run_without_its_questions_still_has_a_page(tmp_path: Path) -> None:
    rundir = write_run(tmp_path, [Story("a", content="said anyway")])
    (rundir.path / "questions.jsonl").unlink()
    assert "said anyway" in render(page_data(rundir, PROFILE))


def test_a_reply_key_that_leads_out_of_the_run_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"reply": {"content": "private"}}')
    rundir = write_run(tmp_path, [Story("a")])
    line = json.loads(rundir.attempts_file.read_text())
    rundir.attempts_file.write_text(json.dumps({**line, "replies": ["../../secret"]}) + "\n")
    assert "private" not in render(page_data(rundir, PROFILE))


def test_each_turn_of_a_conversation_shows_only_what_was_new(tmp_path: Path) -> None:
    rundir = write_run(tmp_path, [Story("a")])
    line = json.loads(rundir.attempts_file.read_text())
    rundir.attempts_file.write_text(json.dumps({**line, "replies": ["one", "two"]}) + "\n")
    first = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "first question"}]
    second = [*first, {"role": "assistant", "content": "first answer"}, {"role": "user", "content": "second question"}]
    for key, messages, answer in (("one", first, "first answer"), ("two", second, "second answer")):
        Path(rundir.reply_file(key)).write_text(
            json.dumps({"request": {"messages": messages}, "reply": {"content": answer}})
        )
    text = "".join(Elements(render(page_data(rundir, PROFILE))).text)
    for said in ("Be kind.", "first question", "first answer", "second question", "second answer"):
        assert text.count(said) == 1
    assert text.index("first answer") < text.index("second question")


def test_images_in_a_prompt_are_named_and_not_inlined(tmp_path: Path) -> None:
    rundir = write_run(tmp_path, [story := Story("a")])
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]
    kept = {"request": {"messages": messages}, "reply": {"content": "A cat."}}
    Path(rundir.reply_file(story.key)).write_text(json.dumps(kept))
    page = render(page_data(rundir, PROFILE))
    assert "What is this?\n[image_url, " in page
    assert "AAAA" not in page


@pytest.mark.parametrize(
    ("outcome", "limit"), [("passed", 4 * 1024), ("missed", 16 * 1024)], ids=["passed", "not passed"]
)
def test_a_long_reply_is_clipped_with_the_exact_number_and_where_the_whole_is(
    tmp_path: Path, outcome: str, limit: int
) -> None:
    story = Story("a", outcome, content="HEAD" + "x" * 5_000_000 + "TAIL")
    page = page_of(tmp_path, story)
    assert (
        f"{5_000_008 - limit:,} characters clipped; the whole text is in <code>replies/{story.key}.json</code>" in page
    )
    assert "HEADxxx" in page
    assert "xxxTAIL" in page
    assert len(page) < 100_000


def test_long_reasoning_is_clipped_and_its_length_told(tmp_path: Path) -> None:
    page = page_of(tmp_path, Story("a", "missed", reasoning="hm " * 100_000))
    assert "Reasoning, 300,000 characters" in page
    assert f"{300_000 - 4096:,} characters clipped" in page


def test_thousands_of_tool_calls_are_counted_and_not_all_shown(tmp_path: Path) -> None:
    calls = [{"name": "loop", "arguments": "{}", "id": str(index)} for index in range(5000)]
    page = page_of(tmp_path, Story("a", "missed", tool_calls=calls))
    assert "4,980 more tool calls" in page
    assert len(page) < 100_000


def test_two_thousand_questions_make_a_page_of_sane_size(tmp_path: Path) -> None:
    stories = [
        Story(f"q{index}", content="word " * 600, reasoning="hm " * 1000, tier=1 + index % 3) for index in range(2000)
    ]
    page = page_of(tmp_path, *stories)
    assert page.count('<details class="entry') == 2000
    assert len(page) < 30_000_000


@pytest.mark.parametrize("name", sorted(hostile.texts("")))
def test_hostile_texts_add_no_element_and_no_attribute(tmp_path: Path, name: str) -> None:
    harmless = Elements(page_of(tmp_path / "harmless", hostile.story("a", "harmless")))
    attacked = Elements(page_of(tmp_path / "attacked", hostile.story("a", hostile.texts("http://x")[name])))
    assert attacked.tags == harmless.tags


def test_hostile_profiles_and_run_facts_add_no_element_either(tmp_path: Path) -> None:
    text = hostile.texts("http://x")["closing"]
    pages = []
    for label, value in (("harmless", "harmless"), ("attacked", text)):
        rundir = write_run(tmp_path / label, [Story("a")])
        run = rundir.read_run()
        mine = run.profiles[PROFILE]
        assert mine.served is not None
        served = mine.served.model_copy(
            update={"model": value, "build": value, "command": (value, value), "url": value}
        )
        profile = mine.profile.model_copy(update={"description": value, "system": value, "prompt_prefix": value})
        changed = mine.model_copy(update={"profile": profile, "served": served, "error": value})
        rundir.write_run(run.model_copy(update={"id": value, "command": (value,), "profiles": {PROFILE: changed}}))
        pages.append(Elements(render(page_data(rundir, PROFILE))).tags)
    assert pages[0] == pages[1]


def test_nothing_invisible_reaches_the_page(tmp_path: Path) -> None:
    page = page_of(tmp_path, *(hostile.story(name, text) for name, text in hostile.texts("http://x").items()))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    assert "NUL:␀" in page
    assert "␛[31mred" in page
    assert "user⟦U+202E⟧" in page
    page.encode("utf-8")


def test_leading_blank_lines_of_a_reply_survive(tmp_path: Path) -> None:
    text = hostile.texts("")["newlines"]
    assert f'<pre dir="auto"><bdi>{text}</bdi></pre>' in page_of(tmp_path, hostile.story("a", text))


def test_the_policy_allows_the_one_script_and_nothing_from_outside(full_page: str) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", full_page, re.DOTALL)
    assert len(scripts) == 1
    digest = b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:" in full_page
    assert not re.search(r'(src|href|action)="(?!#|data:,")', full_page)


def test_the_templates_mark_nothing_as_safe() -> None:
    templates = sorted(Path(page_module.__file__).parent.glob("*.jinja"))
    assert [template.name for template in templates] == ["entry.html.jinja", "page.html.jinja"]
    for template in templates:
        assert not re.search(r"\|\s*safe|autoescape|Markup", template.read_text())


def test_without_jinja_the_error_says_how_to_get_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rundir = write_run(tmp_path, [Story("a")])
    page_module._template.cache_clear()
    page_module._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(PolecatError, match=r"pip install 'pytest-polecat\[report\]'.*polecat report RUN") as caught:
        write_page(rundir, PROFILE, rundir.report())
    assert not rundir.report().exists()
    assert caught.value.__cause__ is None


def test_a_profile_that_is_not_in_the_run_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(PolecatError, match="holds nothing of the profile 'other'; it holds: demo-35b"):
        page_data(write_run(tmp_path, [Story("a")]), "other")


SCHEMES = re.findall(r":root \{(.*?)\n\s*\}", (Path(page_module.__file__).parent / "page.css").read_text(), re.DOTALL)[
    :2
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=["light", "dark"])
def test_every_text_colour_stands_out_from_every_ground(scheme: str) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", scheme))
    texts = ("text", "muted", "link", "passed", "partial", "missed", "broken", "skipped", "not-run")
    for ground in ("ground", "card", "sunk"):
        for text in texts:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
