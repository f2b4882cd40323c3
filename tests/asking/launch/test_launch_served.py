"""What a server says about itself, and what external servers leave out."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pytest_polecat.asking.launch import reaching
from pytest_polecat.asking.launch.base import Launch
from pytest_polecat.asking.launch.external import ExternalLauncher
from pytest_polecat.asking.launch.keeper import free_port
from pytest_polecat.asking.launch.reaching import describe_external
from pytest_polecat.asking.launch.served import describe, warm_up
from pytest_polecat.errors import ProfileError, ServerError
from pytest_polecat.records.profile import Profile
from tests.asking.launch.helpers import CHATML

Answer = tuple[int, object]
Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A real HTTP server with these answers by path (each used up but the last); returns its API's base URL."""
    with ExitStack() as stack:

        def begin(paths: dict[str, list[Answer]], key: str | None = None) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    answers = paths.get(self.path, [(404, {"error": "File Not Found"})])
                    status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                    if key and self.headers["Authorization"] != f"Bearer {key}":
                        status, body = 401, {}
                    data = body if isinstance(body, bytes) else json.dumps(body).encode()
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

                def do_POST(self) -> None:
                    self.rfile.read(int(self.headers["Content-Length"]))
                    self.do_GET()

                def log_message(self, *_: object) -> None:
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/v1"

        yield begin


def external(url: str, **changes: object) -> Profile:
    return Profile.model_validate({"name": "far", "url": url, "ready_timeout": 5, **changes})


MODELS: Answer = (200, {"data": [{"id": "m-1"}]})


def test_a_server_that_only_lists_its_models_is_described_by_that(serve: Serve) -> None:
    url = serve({"/v1/models": [MODELS]})
    served = describe_external(external(url))
    assert (served.launcher, served.url, served.model) == ("external", url, "m-1")
    assert (served.build, served.slots, served.n_ctx, served.template_hash, served.modalities) == (None,) * 4 + ((),)


def test_a_server_without_any_of_it_is_reached_all_the_same(serve: Serve) -> None:
    served = describe_external(external(serve({}), model="gpt"))
    assert (served.model, served.n_ctx) == ("gpt", None)


def test_among_many_models_the_profile_s_is_meant(serve: Serve) -> None:
    url = serve({"/v1/models": [(200, {"data": [{"id": "a"}, {"id": "b"}]})]})
    assert describe_external(external(url, model="b")).model == "b"
    assert describe_external(external(url)).model is None


@pytest.mark.parametrize(
    "junk", [b"<html>", [1, 2], {"data": "x"}, {"data": [1]}, {"modalities": [], "total_slots": "4"}]
)
def test_answers_of_another_shape_are_unknown(junk: object, serve: Serve) -> None:
    url = serve({"/v1/models": [(200, junk)], "/props": [(200, junk)], "/slots": [(200, junk)]})
    served = describe_external(external(url))
    assert (served.slots, served.n_ctx, served.model_path, served.modalities) == (None, None, None, ())


def test_a_llama_server_of_the_user_s_own_is_described_in_full(serve: Serve) -> None:
    props = {
        "total_slots": 2,
        "build_info": "b11434-abc",
        "model_path": "/m.gguf",
        "chat_template": "x",
        "modalities": {"vision": True, "audio": False},
        "default_generation_settings": {"n_ctx": 4096},
    }
    served = describe_external(external(serve({"/v1/models": [MODELS], "/props": [(200, props)]})))
    assert (served.build, served.slots, served.n_ctx) == ("b11434-abc", 2, 4096)
    assert (served.modalities, served.template_hash) == (("text", "vision"), "2d711642b726b044")


def test_a_server_that_is_loading_is_waited_for(serve: Serve) -> None:
    loading: Answer = (503, {"error": {"message": "Loading model"}})
    assert describe_external(external(serve({"/v1/models": [loading, loading, MODELS]}))).model == "m-1"


def test_a_server_that_loads_for_too_long_is_an_error(serve: Serve) -> None:
    url = serve({"/v1/models": [(503, {})]})
    with pytest.raises(ServerError, match=r"profile 'far': .* is still loading; raise `ready_timeout`") as caught:
        describe_external(external(url, ready_timeout=0.01))
    assert caught.value.mode == "connection"


def test_waiting_can_be_given_up(serve: Serve) -> None:
    give_up = threading.Event()
    give_up.set()
    with pytest.raises(ServerError):
        describe_external(external(serve({"/v1/models": [(503, {})]}), ready_timeout=1000), give_up)


def test_the_key_is_sent_and_a_wrong_one_is_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    url = serve({"/v1/models": [MODELS]}, key="secret")
    monkeypatch.setenv("FAR_KEY", "secret")
    assert describe_external(external(url, key_env="FAR_KEY")).model == "m-1"
    with pytest.raises(ServerError, match=r"refuses the API key \(HTTP 401\); set `key_env`"):
        describe_external(external(url))


def test_an_address_where_nobody_listens_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "REACH_WITHIN", 0.1)
    with pytest.raises(ServerError, match=r"can't be reached .*; start the server, or correct `url`") as caught:
        describe_external(external(f"http://127.0.0.1:{free_port()}/v1"))
    assert caught.value.mode == "connection"


def test_a_stale_server_of_another_model_is_an_error(serve: Serve, profile: Profile, model: Path) -> None:
    url = serve({"/props": [(200, {"model_path": "/another.gguf"})]})
    launch = Launch(argv=(), env={}, url=url, shown=(), files={"model": model})
    with pytest.raises(ServerError, match=r"profile 'tiny': .* serves /another\.gguf, not .*random\.gguf"):
        describe(profile, launch, 0)


def test_speculation_that_was_left_off_is_an_error(serve: Serve, profile: Profile) -> None:
    url = serve({"/slots": [(200, [{"n_ctx": 512, "speculative": False}])]})
    launch = Launch(argv=(), env={}, url=url, shown=())
    assert describe(profile, launch, 0).n_ctx == 512
    with pytest.raises(ServerError, match=r"left speculation off although .* see: polecat profiles check tiny"):
        describe(profile, replace(launch, speculates=True), 0)


def test_a_server_that_says_nothing_of_speculation_is_believed(serve: Serve, profile: Profile) -> None:
    launch = Launch(argv=(), env={}, url=serve({}), shown=(), speculates=True)
    assert describe(profile, launch, 0).speculative is None


@pytest.mark.parametrize(
    ("props", "context", "projector", "problem"),
    [
        ({"total_slots": 4}, None, False, "the server has 4 slots, not `parallel` = 1; correct the flags"),
        (
            {"default_generation_settings": {"n_ctx": 2048}},
            4096,
            False,
            r"gives a slot 2048 tokens of context, not 4096: .* lower `ctx-size`",
        ),
        ({"modalities": {"vision": False}}, None, True, "takes no images although `mmproj` is set"),
    ],
)
def test_a_server_that_does_less_than_its_profile_asks_for_is_an_error(
    props: dict[str, object],
    context: int | None,
    projector: bool,
    problem: str,
    serve: Serve,
    profile: Profile,
    model: Path,
) -> None:
    files = {"mmproj": model} if projector else {}
    launch = Launch(argv=(), env={}, url=serve({"/props": [(200, props)]}), shown=(), context=context, files=files)
    with pytest.raises(ServerError, match=rf"profile 'tiny': .*{problem}"):
        describe(profile, launch, 0)


def test_the_weights_that_a_server_fetched_by_itself_are_recorded(serve: Serve, profile: Profile, model: Path) -> None:
    launch = Launch(argv=(), env={}, url=serve({"/props": [(200, {"model_path": str(model)})]}), shown=())
    weights = describe(profile, launch, 0).weights
    assert weights
    assert (weights.path, weights.architecture, len(weights.sha256 or "")) == (str(model), "llama", 64)


@pytest.mark.parametrize(
    ("template", "own", "notes"),
    [
        (CHATML, None, ()),
        ("another", None, ("the server changed the chat template that the weights carry",)),
        ("another", "chatml", ()),
    ],
)
def test_a_chat_template_that_is_not_the_weights_own_is_noted(
    template: str, own: str | None, notes: tuple[str, ...], serve: Serve, profile: Profile, model: Path
) -> None:
    url = serve({"/props": [(200, {"chat_template": template})]})
    launch = Launch(argv=(), env={}, url=url, shown=(), files={"model": model}, template=own, look=tuple)
    assert describe(profile, launch, 0).notes == notes


def test_a_first_request_that_fails_is_told_in_the_server_s_words(serve: Serve, profile: Profile) -> None:
    url = serve({"/v1/chat/completions": [(500, {"error": {"message": "the draft is broken"}})]})
    with pytest.raises(ServerError, match=r"profile 'tiny': at its first request, .*the draft is broken") as caught:
        warm_up(profile, url)
    assert caught.value.mode == "connection"


def test_a_server_that_is_gone_at_its_first_request_is_told(profile: Profile) -> None:
    with pytest.raises(ServerError, match="profile 'tiny': the server did not answer its first request: "):
        warm_up(profile, f"http://127.0.0.1:{free_port()}/v1")


@pytest.mark.parametrize("url", ["ftp://h/v1", "localhost:8080/v1", "http://", "http://h:port/v1"])
def test_an_external_url_must_be_one(url: str) -> None:
    with pytest.raises(ProfileError, match=r"profile 'far': `url` = .* is not an address; write http://HOST:PORT/v1"):
        ExternalLauncher().check(external(url), None)


def test_an_external_profile_needs_a_url() -> None:
    with pytest.raises(ProfileError, match="`url` is missing"):
        ExternalLauncher().check(Profile(name="far", launcher="external"), None)


def test_an_external_key_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAR_KEY", raising=False)
    with pytest.raises(ProfileError, match="FAR_KEY"):
        ExternalLauncher().check(external("http://h/v1", key_env="FAR_KEY"), None)


def test_nothing_is_started_for_an_external_profile() -> None:
    assert ExternalLauncher().prepare(external("https://api.example/v1"), None, 1) is None
