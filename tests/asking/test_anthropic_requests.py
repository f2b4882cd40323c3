from typing import Any

import pytest

from pytest_polecat.asking.apis import auth_headers
from pytest_polecat.asking.apis.anthropic_request import (
    DEFAULT_MAX_TOKENS,
    DEFAULT_THINKING_BUDGET,
    body,
    unsupported,
)
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.request import Request, Sampling
from tests.asking.client_helpers import hello

USER: dict[str, Any] = {"role": "user", "content": "hello"}


def sent(request: Request | None = None, *, model: str | None = "haiku", stream: bool = False) -> dict[str, Any]:
    return body(request or hello(), model, stream)


def turns(*messages: dict[str, Any]) -> Any:
    return sent(Request(messages=messages))["messages"]


def test_the_least_request_has_the_model_the_turns_and_the_default_room() -> None:
    assert sent(hello(seed=7)) == {
        "model": "haiku",
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    }
    assert sent(stream=True)["stream"] is True
    assert "model" not in sent(model=None)


def test_system_messages_go_to_the_top() -> None:
    parts: list[Any] = [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]
    request = Request(messages=({"role": "system", "content": "Be kind."}, USER, {"role": "system", "content": parts}))
    assert sent(request)["system"] == "Be kind.\n\nBe brief."
    assert [turn["role"] for turn in sent(request)["messages"]] == ["user"]


def test_neighbours_of_one_role_become_one_turn_and_silence_none() -> None:
    said = turns(USER, {"role": "assistant", "content": " \n"}, USER, {"role": "assistant", "content": "hi"}, USER)
    assert [(turn["role"], len(turn["content"])) for turn in said] == [("user", 2), ("assistant", 1), ("user", 1)]


def test_reasoning_of_earlier_turns_is_left_out() -> None:
    [_, answer] = turns(USER, {"role": "assistant", "content": "hi", "reasoning_content": "a greeting"})
    assert answer == {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("data:image/png;base64,AAEC", {"type": "base64", "media_type": "image/png", "data": "AAEC"}),
        ("https://example.org/a.png", {"type": "url", "url": "https://example.org/a.png"}),
    ],
)
def test_an_image_keeps_its_place_among_the_text(url: str, source: object) -> None:
    text: Any = {"type": "text", "text": "What is this?"}
    image: Any = {"type": "image_url", "image_url": {"url": url}}
    [turn] = turns({"role": "user", "content": [image, text]})
    assert turn["content"] == [{"type": "image", "source": source}, text]


def test_a_part_without_counterpart_goes_as_it_is() -> None:
    document: Any = {"type": "document", "source": {"type": "text", "data": "x", "media_type": "text/plain"}}
    [turn] = turns({"role": "user", "content": [document]})
    assert turn["content"] == [document]


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{"city": "Köln"}', {"city": "Köln"}),
        ("", {}),
        ('{"city": "Kö', {"INVALID_JSON": '{"city": "Kö'}),
        ("[1]", {"INVALID_JSON": "[1]"}),
    ],
)
def test_a_tool_call_and_its_result_become_blocks_of_two_turns(written: str, arguments: object) -> None:
    call: Any = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": written}}
    asked, called, told = turns(
        USER,
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "user", "content": "So?"},
    )
    assert asked["role"] == "user"
    assert called["role"] == "assistant"
    assert called["content"] == [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "c1", "name": "weather", "input": arguments},
    ]
    assert told["role"] == "user"
    assert told["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "sunny"}]},
        {"type": "text", "text": "So?"},
    ]


def test_tools_are_described_in_the_apis_form() -> None:
    schema: Any = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools: tuple[Any, ...] = (
        {"type": "function", "function": {"name": "f", "description": "does f", "parameters": schema, "strict": True}},
        {"type": "function", "function": {"name": "g"}},
        {"type": "web_search_20250305", "name": "web_search"},
    )
    assert sent(hello(tools=tools))["tools"] == [
        {"name": "f", "description": "does f", "strict": True, "input_schema": schema},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        {"type": "web_search_20250305", "name": "web_search"},
    ]


@pytest.mark.parametrize(
    ("choice", "translated"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
        ({"type": "any", "disable_parallel_tool_use": True}, {"type": "any", "disable_parallel_tool_use": True}),
        (None, None),
    ],
)
def test_a_tool_choice_is_translated(choice: Any, translated: object) -> None:
    tools: tuple[Any, ...] = ({"type": "function", "function": {"name": "f"}},)
    assert sent(hello(tools=tools, tool_choice=choice)).get("tool_choice") == translated
    assert "tool_choice" not in sent(hello(tool_choice=choice))


def test_sampling_that_the_api_has_is_sent_and_the_rest_is_named() -> None:
    sampling = Sampling(
        temperature=0.0,
        top_p=0.9,
        top_k=20,
        min_p=0.05,
        presence_penalty=1.5,
        frequency_penalty=0.1,
        repeat_penalty=1.1,
        max_tokens=99,
        stop=("END",),
        extra={"cache_prompt": False, "service_tier": "auto"},
    )
    fields = sent(hello(sampling=sampling))
    fields.pop("messages")
    assert fields == {
        "model": "haiku",
        "max_tokens": 99,
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 20,
        "stop_sequences": ["END"],
        "service_tier": "auto",
    }
    assert unsupported(sampling) == ("min_p", "presence_penalty", "frequency_penalty", "repeat_penalty")


def test_a_parameter_that_does_nothing_is_not_held_against_a_profile() -> None:
    assert unsupported(Sampling(min_p=0, presence_penalty=0.0, frequency_penalty=0, repeat_penalty=1.0)) == ()
    assert unsupported(Sampling(temperature=1, top_p=0.9, top_k=3, max_tokens=5)) == ()


@pytest.mark.parametrize(
    ("request_", "thinking"),
    [
        (hello(), None),
        (hello(chat_template_kwargs={"enable_thinking": False}), {"type": "disabled"}),
        (hello(chat_template_kwargs={"enable_thinking": True}, thinking_budget_tokens=0), {"type": "disabled"}),
        (hello(thinking_budget_tokens=2000), {"type": "enabled", "budget_tokens": 2000}),
        (
            hello(chat_template_kwargs={"enable_thinking": True}),
            {"type": "enabled", "budget_tokens": DEFAULT_THINKING_BUDGET},
        ),
        (
            hello(thinking_budget_tokens=2000, sampling=Sampling(extra={"thinking": {"type": "adaptive"}})),
            {"type": "adaptive"},
        ),
    ],
    ids=["unsaid", "off", "no budget", "budget", "on", "the profile's own"],
)
def test_reasoning_becomes_the_apis_thinking(request_: Request, thinking: object) -> None:
    assert sent(request_).get("thinking") == thinking


def test_the_budget_for_thinking_comes_on_top_of_the_answers_room() -> None:
    assert sent(hello(thinking_budget_tokens=9000))["max_tokens"] == DEFAULT_MAX_TOKENS + 9000
    assert sent(hello(thinking_budget_tokens=2000, sampling=Sampling(max_tokens=100)))["max_tokens"] == 2100
    own = Sampling(max_tokens=100, extra={"thinking": {"type": "enabled", "budget_tokens": 1024}})
    assert sent(hello(sampling=own))["max_tokens"] == 1124


@pytest.mark.parametrize(("top_p", "kept"), [(0.9, None), (0.95, 0.95), (1, 1)])
def test_thinking_leaves_out_the_sampling_that_the_api_refuses_beside_it(top_p: float, kept: float | None) -> None:
    sampling = Sampling(temperature=0.2, top_p=top_p, top_k=20)
    fields = sent(hello(thinking_budget_tokens=2000, sampling=sampling))
    assert [fields.get(name) for name in ("temperature", "top_p", "top_k")] == [None, kept, None]
    calm = sent(hello(chat_template_kwargs={"enable_thinking": False}, sampling=sampling))
    assert [calm.get(name) for name in ("temperature", "top_p", "top_k")] == [0.2, top_p, 20]


def test_a_json_schema_becomes_the_output_format_beside_what_the_profile_sets() -> None:
    schema: Any = {"type": "object", "additionalProperties": False}
    form: Any = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    expected = {"type": "json_schema", "schema": schema}
    assert sent(hello(response_format=form))["output_config"] == {"format": expected}
    effort = Sampling(extra={"output_config": {"effort": "low"}})
    fields = sent(hello(response_format=form, sampling=effort))
    assert fields["output_config"] == {"effort": "low", "format": expected}


def test_the_key_is_shown_as_each_api_wants_it() -> None:
    assert auth_headers("openai", "sk-secret") == {"authorization": "Bearer sk-secret"}
    assert auth_headers("openai", None) == {}
    assert auth_headers("anthropic", "sk-secret\n") == {"anthropic-version": "2023-06-01", "x-api-key": "sk-secret"}
    assert auth_headers("anthropic", None) == {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_key_that_no_header_can_hold_is_refused_for_each_api(api: str) -> None:
    with pytest.raises(ProfileError, match="key_env") as caught:
        auth_headers(api, "sk-ü")
    assert "sk-ü" not in str(caught.value)
