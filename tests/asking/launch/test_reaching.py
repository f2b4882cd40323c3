"""Models behind one address: llama-swap and llama-server's own router are recognised, and made to load."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from pytest_polecat.asking.launch import served
from pytest_polecat.asking.launch.reaching import describe_external
from pytest_polecat.asking.retrying import RetryPolicy
from pytest_polecat.errors import ServerError
from pytest_polecat.records.profile import Profile
from tests.asking.client_helpers import ask
from tests.asking.launch.helpers import until
from tests.asking.launch.routed_server import CONTEXT, Kind, Routed, serving

Route = Callable[..., Routed]
BOTH = pytest.mark.parametrize("kind", ["llama-swap", "router"])


@pytest.fixture
def route() -> Iterator[Route]:
    """Serves the models `small` and `big`, or those given, until the end of the test."""
    with ExitStack() as stack:

        def begin(kind: Kind, models: tuple[str, ...] = ("small", "big"), **more: object) -> Routed:
            return stack.enter_context(serving(Routed(kind, models, **more)))  # type: ignore[arg-type]

        yield begin


def profile(routed: Routed, **changes: object) -> Profile:
    return Profile.model_validate({"name": "far", "url": routed.url, "ready_timeout": 5, **changes})


@BOTH
def test_the_model_of_the_profile_is_loaded_and_described(kind: Kind, route: Route) -> None:
    routed = route(kind)
    told = describe_external(profile(routed, model="big"))
    assert routed.loaded == {"big"}
    assert (told.launcher, told.model, told.model_path) == ("external", "big", "/models/big.gguf")
    assert (told.build, told.slots, told.n_ctx) == ("b11434-abc1234", 2, CONTEXT)
    assert (told.speculative, told.notes) == (True, ())


@BOTH
def test_a_model_is_asked_for_before_it_is_looked_at(kind: Kind, route: Route) -> None:
    routed = route(kind)
    describe_external(profile(routed, model="big"))
    first = next(index for index, (path, body) in enumerate(routed.asked) if body)
    path, body = routed.asked[first]
    assert (path, body["model"], body["max_tokens"]) == ("/v1/chat/completions", "big", 2)
    where = {"llama-swap": "/upstream/big/{}", "router": "/{}?model=big"}[kind]
    after = [path for path, _ in routed.asked[first:]]
    assert where.format("props") in after
    assert where.format("slots") in after


@BOTH
def test_a_name_with_a_slash_and_a_colon_is_one_name(kind: Kind, route: Route) -> None:
    routed = route(kind, ("vendor/model:Q4_K_M", "other"))
    assert describe_external(profile(routed, model="vendor/model:Q4_K_M")).n_ctx == CONTEXT


@BOTH
def test_the_first_request_may_take_as_long_as_loading_may(
    kind: Kind, route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[tuple[str, float | None]] = []

    class Client(httpx.Client):
        def send(self, request: httpx.Request, **options: object) -> httpx.Response:
            waits.append((request.method, request.extensions["timeout"]["read"]))
            return super().send(request, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(httpx, "Client", Client)
    describe_external(profile(route(kind), model="big", ready_timeout=900))
    assert set(waits) == {("GET", 10), ("POST", 900)}


@pytest.mark.parametrize(
    ("kind", "model", "problem"),
    [
        ("router", "bog", "the router at {url} has no model 'bog'; set `model` to one of: big"),
        ("router", "zzz", "the router at {url} has no model 'zzz'; set `model` to one of: small, big"),
        ("router", None, "the router at {url} serves several models; set `model` to one of: small, big"),
        ("llama-swap", None, "the llama-swap at {url} serves several models; set `model` to one of: small, big"),
    ],
)
def test_a_model_that_is_not_there_is_told_with_those_that_are(
    kind: Kind, model: str | None, problem: str, route: Route
) -> None:
    routed = route(kind)
    with pytest.raises(ServerError) as caught:
        describe_external(profile(routed, model=model))
    assert str(caught.value) == f"profile 'far': {problem.format(url=routed.url)}"
    assert caught.value.mode == "connection"
    assert not routed.loaded


def test_an_alias_that_llama_swap_does_not_list_is_tried(route: Route) -> None:
    routed = route("llama-swap", aliases=("nick",))
    assert describe_external(profile(routed, model="nick")).model_path == "/models/nick.gguf"
    with pytest.raises(ServerError, match=r"at its first request, .*model 'who' not found"):
        describe_external(profile(routed, model="who"))


@BOTH
def test_a_model_that_can_not_be_loaded_is_told_in_the_server_s_words(kind: Kind, route: Route) -> None:
    routed = route(kind, refuses="model name=big failed to load")
    with pytest.raises(ServerError, match=r"profile 'far': at its first request, .*model name=big failed to load"):
        describe_external(profile(routed, model="big"))


def test_fewer_slots_than_the_profile_wants_are_noted(route: Route) -> None:
    told = describe_external(profile(route("router"), model="big", parallel=4))
    assert told.notes == ("the server has 2 slots: of `parallel` = 4 requests, some queue there",)


@BOTH
def test_more_requests_than_it_takes_at_once_are_asked_again(kind: Kind, route: Route) -> None:
    routed = route(kind)
    describe_external(profile(routed, model="big"))
    routed.busy = 2
    exchange = ask(routed.url, model="big")
    assert exchange.reply.content == "42"
    assert [reason.partition(";")[2] for reason in exchange.retries] == [
        " asked again after 0.001 s",
        " asked again after 0.002 s",
    ]
    assert all("429" in reason for reason in exchange.retries)


@BOTH
def test_a_server_that_is_busy_at_first_is_asked_for_the_model_again(
    kind: Kind, route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "_PATIENCE", RetryPolicy(busy=2, first_delay=0.001))
    assert describe_external(profile(route(kind, busy=2), model="big")).model_path == "/models/big.gguf"
    with pytest.raises(ServerError, match=r"profile 'far': at its first request, .*too many requests"):
        describe_external(profile(route(kind, busy=3), model="big"))


@BOTH
def test_loading_can_be_given_up(kind: Kind, route: Route) -> None:
    give_up, release = threading.Event(), threading.Event()
    routed = route(kind, held=release)
    with ThreadPoolExecutor(1) as pool:
        described = pool.submit(describe_external, profile(routed, model="big", ready_timeout=900), give_up)
        assert until(lambda: any(body for _, body in routed.asked))
        give_up.set()
        with pytest.raises(ServerError, match=r"profile 'far': .* is still loading big"):
            described.result(15)
    release.set()
    assert until(lambda: not any(thread.name == "polecat-first-request" for thread in threading.enumerate()))


@BOTH
def test_replies_without_timings_are_timed_by_our_own_clock(kind: Kind, route: Route) -> None:
    routed = route(kind, timings=False)
    timings = ask(routed.url, model="big").reply.timings
    assert timings
    assert timings.source == "client"
    routed.timings = True
    timings = ask(routed.url, model="big").reply.timings
    assert timings
    assert timings.source == "server"
