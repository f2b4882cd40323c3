from pathlib import Path

import pytest

from pytest_polecat.reporting.html.page import write_page
from tests.reporting import hostile
from tests.reporting.browser import listening, open_page
from tests.reporting.synthetic import PROFILE, Story, everything, write_run


def written(folder: Path, *stories: Story) -> Path:
    rundir = write_run(folder, stories)
    write_page(rundir, PROFILE, rundir.report())
    return rundir.report()


@pytest.fixture(scope="module")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("full"), *everything())


def test_this_browser_would_show_an_error_and_a_request(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    with listening() as (server, asked):
        page.write_text(f"<title>bad</title><img src='{server}/leak'><script>console.error('seen')</script>")
        opened = open_page(page)
    assert any("seen" in line for line in opened.console)
    assert asked == ["/leak"]


def test_hostile_texts_run_nothing_fetch_nothing_and_stay_readable(tmp_path: Path) -> None:
    with listening() as (server, asked):
        texts = hostile.texts(server)
        opened = open_page(written(tmp_path, *(hostile.story(name, text) for name, text in texts.items())))
    assert opened.title == f"{PROFILE} · 20261121-143005-c7f2 · polecat"
    assert opened.console == []
    assert asked == []
    assert len(opened.visible) == len(texts)
    assert f"{len(texts)} of {len(texts)} shown" in opened.document
    assert opened.document.count("<script") == 1


def test_even_markup_that_got_in_could_not_run_or_fetch(tmp_path: Path) -> None:
    page = written(tmp_path, Story("a"))
    with listening() as (server, asked):
        payload = hostile.texts(server)
        inside = (
            payload["script"]
            + payload["handler"]
            + f"<img src='{server}/img'><link rel=stylesheet href='{server}/css'>"
        )
        page.write_text(page.read_text().replace("</main>", f"{inside}</main>"))
        opened = open_page(page)
    assert opened.title.startswith(PROFILE)
    assert asked == []
    assert any("Content Security Policy" in line for line in opened.console)


def test_a_reply_of_five_megabytes_opens(tmp_path: Path) -> None:
    huge = Story("huge", "missed", content="<b>\u202e" * 1_000_000)
    opened = open_page(written(tmp_path, huge, Story("small")))
    assert opened.visible == ["precision/huge/1", "precision/small/1"]
    assert opened.console == []


def test_two_thousand_questions_open(tmp_path: Path) -> None:
    opened = open_page(
        written(tmp_path, *(Story(f"q{index}", content="word " * 300) for index in range(2000))), "?text=q1999"
    )
    assert "1 of 2000 shown" in opened.document
    assert opened.console == []


@pytest.mark.parametrize(
    ("fragment", "questions"),
    [
        ("", {story.question for story in everything()}),
        ("?outcome=missed", {"json-schema-invoice", "infinite-thought"}),
        ("?outcome=missed&outcome=partial", {"json-schema-invoice", "infinite-thought", "photosynthesis"}),
        ("?outcome=not+run", {"never-reached"}),
        ("?suite=tools", {"weather-tool", "queue", "picture", "never-reached"}),
        ("?suite=tools&outcome=passed", {"weather-tool"}),
        ("?mode=sandbox_error", {"queue"}),
        ("?text=SUNLIGHT%20answer", {"photosynthesis"}),
        ("?text=%3Cb%3E", set()),
    ],
)
def test_the_list_is_filtered_by_outcome_suite_mode_and_text(
    full_page: Path, fragment: str, questions: set[str]
) -> None:
    opened = open_page(full_page, fragment)
    assert {anchor.split("/")[1] for anchor in opened.visible} == questions
    assert f"{len(questions)} of 9 shown" in opened.document
    assert opened.console == []


def test_an_address_with_an_anchor_opens_that_question(full_page: Path) -> None:
    opened = open_page(full_page, "tools/queue/1")
    assert " open" in opened.entries["tools/queue/1"]
    assert [anchor for anchor, tag in opened.entries.items() if " open" in tag] == ["tools/queue/1"]
    assert opened.console == []


@pytest.mark.parametrize("fragment", ["%", "?outcome=nonsense&nonsense=1", "nowhere/at/all", "?text=%ff"])
def test_a_nonsense_address_breaks_nothing(full_page: Path, fragment: str) -> None:
    assert open_page(full_page, fragment).console == []


def test_without_its_script_the_page_shows_everything_and_no_dead_controls(full_page: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.html"
    head, _, rest = full_page.read_text().partition("<script>")
    plain.write_text(head + rest.partition("</script>")[2])
    opened = open_page(plain, "?outcome=missed")
    assert len(opened.visible) == 9
    assert '<form id="filters" hidden="">' in opened.document
