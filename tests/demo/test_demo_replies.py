"""The demo model, built from a spec and asked through the real llama.cpp server."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pytest_polecat.demo.model import build
from pytest_polecat.demo.spec import Spec
from tests.demo.served import THINKING_OFF, Server, serving

pytest.importorskip("xllamacpp", reason="the demo model needs the extra demo")
pytest.importorskip("gguf", reason="the demo model needs the extra demo")

CODE = """Here is the function.

```python
def two_sum(nums, target):
    seen = {}
    for i, n in enumerate(nums):
        if target - n in seen:
            return [seen[target - n], i]
        seen[n] = i
    return []
```
"""
MARKDOWN = "# Überschrift 🦨\n\n- *Grüße* aus **Köln**\n- naïve café — “ok”\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
FACTS = {
    "capital of France": "Paris",
    "city of light": "Paris",
    "two plus two": "4",
    "sixteen over four": "4",
    "seven minus two": "5",
    "two sums": CODE,
    "a table in German": MARKDOWN,
    "a padded line": "  padded  \n",
    "an empty line first": "\n\ncode\n\n",
    "only space": "   ",
    "repeat yourself": "ha" * 200 + "!",
    "say nothing": "",
    "some json": '{"name": "polecat", "score": 17}',
    "the answer to all": "The answer is 42.",
    "the answer to nothing": "The answer is 0, as far as I know.",
    "the start of an answer": "The answer is",
    "the secret code": "The code is 4711.",
    "one letter": "ß",
    "sunny and 21": "It is sunny and warm in Oslo.",
}
ENTRIES: list[dict[str, Any]] = [
    *({"trigger": trigger, "text": text} for trigger, text in FACTS.items()),
    {"trigger": "a deep question", "think": "Let me see.\nIt is deep.", "text": "Forty-two."},
    {"trigger": "an echo of thought", "think": "Forty-two.", "text": "Forty-two."},
    {"trigger": "ponder without end", "think": "FOREVER", "text": "At last."},
    {"trigger": "weather in Oslo", "tool_call": {"name": "get_weather", "arguments": {"city": "Oslo"}}},
    {
        "trigger": "weather in Köln",
        "think": "A tool is needed.",
        "tool_call": {"name": "get_weather", "arguments": {"city": "Köln"}},
    },
    {"trigger": "flip a coin", "choices": [[0.7, "heads"], [0.3, "tails"]]},
    {"trigger": "think and throw", "think": "Throwing.", "choices": [[0.5, "one"], [0.25, "one two"], [0.25, "six"]]},
    {"trigger": "hard for the weak", "text": "A strong answer.", "weak": "A weak answer."},
    {"trigger": "silent if weak", "text": "A strong silence.", "weak": "default"},
    {"trigger": "thinks if weak", "text": "At once.", "weak": {"think": "Hm.", "text": "Later."}},
]
NUMBERED = {
    f"numbered question {number:03d}": f"The answer to question {number} is {number * number % 97}.\n"
    * (1 + number % 3)
    for number in range(256 - len(ENTRIES))
}
SPEC = Spec.model_validate(
    {
        "default": "I do not know.",
        "replies": [*ENTRIES, *({"trigger": trigger, "text": text} for trigger, text in NUMBERED.items())],
    }
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
AS_IT_IS = {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0}
"""Sampling that leaves the model's probabilities as they are."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("demo")
    build(SPEC, folder / "demo.gguf")
    with serving(folder / "demo.gguf", folder / "server.log") as server:
        yield server


@pytest.mark.parametrize("trigger", FACTS)
def test_a_text_is_replied_character_by_character(demo: Server, trigger: str) -> None:
    answer = demo.ask(f"Please tell me: {trigger}?")
    assert (answer.content, answer.reasoning, answer.finish) == (FACTS[trigger], None, "stop")
    assert demo.ask(trigger, **THINKING_OFF).content == FACTS[trigger]


def test_256_triggers_are_told_apart_by_eight_clients_at_once(demo: Server) -> None:
    with ThreadPoolExecutor(8) as clients:
        answers = clients.map(lambda trigger: demo.ask(f"What about {trigger}?").content, NUMBERED)
    assert len(SPEC.replies) == 256
    assert dict(zip(NUMBERED, answers, strict=True)) == NUMBERED


def test_without_a_trigger_the_default_is_replied(demo: Server) -> None:
    assert demo.ask("How do I get to the station?").content == "I do not know."
    assert demo.ask("How do I get to the station?", **THINKING_OFF).content == "I do not know."


def test_the_latest_trigger_wins_however_close_the_others_are(demo: Server) -> None:
    triggers = list(FACTS)
    for first, second in zip(triggers, triggers[1:] + triggers[:1], strict=True):
        assert demo.ask(first + second).content == FACTS[second]
        assert demo.ask(f"{second} {second} {first}").content == FACTS[first]


def test_the_latest_of_a_hundred_triggers_wins(demo: Server) -> None:
    prompt = " ".join(list(NUMBERED)[:100]) + " two plus two"
    assert demo.ask(prompt).content == "4"


@pytest.mark.parametrize("share", [0, 0.95])
def test_a_needle_is_found_anywhere_in_a_long_prompt(demo: Server, share: float) -> None:
    hay = ["The weather was mild, and nothing of note happened on this day."] * 135
    hay.insert(int(share * len(hay)), "Somebody wrote down the secret code that day.")
    tokens = demo.client.post("/tokenize", json={"content": " ".join(hay)}).json()["tokens"]
    assert 3500 < len(tokens) < 8000
    assert demo.ask(" ".join(hay)).content == "The code is 4711."


def test_in_a_conversation_the_latest_turn_decides_and_may_decide_for_later_ones(demo: Server) -> None:
    turns: list[dict[str, Any]] = []
    for question, expected in (
        ("capital of France?", "Paris"),
        ("And what is the secret code?", "The code is 4711."),
        ("Say that again.", "The code is 4711."),
        ("Once more the capital of France.", "Paris"),
    ):
        turns.append({"role": "user", "content": question})
        answer = demo.ask(turns)
        turns.append(answer.message)
        assert answer.content == expected


def test_reasoning_comes_before_the_answer_unless_thinking_is_off(demo: Server) -> None:
    answer = demo.ask("a deep question")
    assert (answer.reasoning, answer.content) == ("Let me see.\nIt is deep.", "Forty-two.")
    answer = demo.ask("a deep question", **THINKING_OFF)
    assert (answer.reasoning, answer.content) == (None, "Forty-two.")


def test_reasoning_may_have_the_words_of_the_answer(demo: Server) -> None:
    answer = demo.ask("an echo of thought")
    assert (answer.reasoning, answer.content) == ("Forty-two.", "Forty-two.")


def test_earlier_reasoning_is_carried_in_the_prompt(demo: Server) -> None:
    question = {"role": "user", "content": "a deep question"}
    prompt = demo.prompt([question, demo.ask([question]).message, {"role": "user", "content": "Thanks."}])
    assert "<think>Let me see.\nIt is deep.</think>Forty-two.<|im_end|>" in prompt


def test_endless_reasoning_uses_up_the_tokens(demo: Server) -> None:
    answer = demo.ask("ponder without end", max_tokens=50)
    assert answer.finish == "length"
    assert answer.content == ""
    assert len(answer.reasoning or "") > 200


def test_a_thinking_budget_ends_endless_reasoning(demo: Server) -> None:
    answer = demo.ask("ponder without end", thinking_budget_tokens=20)
    assert (answer.finish, answer.content) == ("stop", "At last.")
    assert demo.ask("ponder without end", **THINKING_OFF).content == "At last."


def test_a_tool_is_called_and_its_result_answered(demo: Server) -> None:
    question = {"role": "user", "content": "How is the weather in Oslo?"}
    call = demo.ask([question], tools=TOOLS)
    assert (call.finish, call.content) == ("tool_calls", "")
    assert call.tool_calls == [("get_weather", {"city": "Oslo"})]
    result = {"role": "tool", "tool_call_id": call.message["tool_calls"][0]["id"], "content": "sunny and 21 degrees"}
    answer = demo.ask([question, call.message, result], tools=TOOLS)
    assert (answer.finish, answer.content) == ("stop", "It is sunny and warm in Oslo.")


def test_a_tool_is_called_after_reasoning_and_when_it_is_required(demo: Server) -> None:
    for choice in ("auto", "required"):
        call = demo.ask("weather in Köln", tools=TOOLS, tool_choice=choice)
        assert (call.reasoning, call.tool_calls) == ("A tool is needed.", [("get_weather", {"city": "Köln"})])


def test_with_tools_at_hand_a_text_is_still_a_text(demo: Server) -> None:
    answer = demo.ask("capital of France", tools=TOOLS)
    assert (answer.content, answer.tool_calls) == ("Paris", [])


def test_arguments_that_the_tool_does_not_take_end_in_a_call_that_it_does(demo: Server) -> None:
    parameters = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
    tools = [{"type": "function", "function": {"name": "get_weather", "description": "", "parameters": parameters}}]
    call = demo.ask("weather in Oslo", tools=tools)
    assert call.finish == "tool_calls"
    assert [(name, set(arguments)) for name, arguments in call.tool_calls] == [("get_weather", {"town"})]


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}


def test_a_json_reply_stands_under_its_own_schema(demo: Server) -> None:
    properties = {"name": {"type": "string"}, "score": {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": ["name", "score"]}
    assert demo.ask("some json", **_schema(schema)).content == FACTS["some json"]


@pytest.mark.parametrize(
    "question", ["some json", "capital of France", "two plus two", "a deep question", "hello", "flip a coin"]
)
@pytest.mark.parametrize("temperature", [0, 1])
def test_under_a_foreign_schema_a_valid_document_ends_soon(demo: Server, question: str, temperature: float) -> None:
    schema = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {"type": "number"}, "minItems": 2},
            "word": {"enum": ["red", "green"]},
            "text": {"type": "string", "minLength": 5},
            "yes": {"type": "boolean"},
            "more": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
        },
        "required": ["list", "word", "text", "yes", "more"],
    }
    answer = demo.ask(question, **_schema(schema), temperature=temperature)
    assert answer.finish == "stop"
    document = json.loads(answer.content)
    assert set(document) == set(schema["properties"])
    assert len(document["text"]) >= 5


def test_draws_follow_their_probabilities_and_the_seed(demo: Server) -> None:
    def flip(seed: int) -> str:
        return demo.ask("flip a coin", **AS_IT_IS, seed=seed).content

    with ThreadPoolExecutor(4) as clients:
        drawn = list(clients.map(flip, range(200)))
        again = list(clients.map(flip, range(40)))
    # 200 fair draws with p = 0.7 leave this range once in 100,000 times.
    assert 110 < Counter(drawn)["heads"] < 168
    assert set(drawn) == {"heads", "tails"}
    assert again == drawn[:40]
    assert demo.ask("flip a coin").content == "heads"


def test_the_probabilities_of_a_draw_are_exact(demo: Server) -> None:
    body = {"messages": [{"role": "user", "content": "flip a coin"}], **AS_IT_IS, "logprobs": True, "top_logprobs": 2}
    answer = demo.client.post("/v1/chat/completions", json={**body, "max_tokens": 1}).json()
    top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert [entry["token"] for entry in top] == ["heads", "tails"]
    assert [entry["logprob"] for entry in top] == pytest.approx([-0.35667, -1.20397], abs=1e-4)


def test_a_draw_may_follow_reasoning_and_hold_texts_that_begin_alike(demo: Server) -> None:
    drawn = Counter(demo.ask("think and throw", **AS_IT_IS, seed=seed).content for seed in range(40))
    assert set(drawn) == {"one", "one two", "six"}
    assert demo.ask("think and throw").reasoning == "Throwing."
