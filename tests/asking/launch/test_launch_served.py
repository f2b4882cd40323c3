"""What a server says about itself, and what external servers leave out."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pytest_polecat.asking.launch import served as served_module
from pytest_polecat.asking.launch.base import Launch
from pytest_polecat.asking.launch.external import ExternalLauncher
from pytest_polecat.asking.launch.keeper import free_port
from pytest_polecat.asking.launch.served import describe, describe_external
from pytest_polecat.errors import ProfileError, ServerError
from pytest_polecat.records.profile import Profile

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
    monkeypatch.setattr(served_module, "REACH_WITHIN", 0.1)
    with pytest.raises(ServerError, match=r"can't be reached .*; start the server, or correct `url`") as caught:
        describe_external(external(f"http://127.0.0.1:{free_port()}/v1"))
    assert caught.value.mode == "connection"


def test_a_stale_server_of_another_model_is_an_error(serve: Serve, profile: Profile, model: Path) -> None:
    url = serve({"/props": [(200, {"model_path": "/another.gguf"})]})
    launch = Launch(argv=(), env={}, url=url, shown=(), model_path=model)
    with pytest.raises(ServerError, match=r"profile 'tiny': .* serves /another\.gguf, not .*random\.gguf"):
        describe(profile, launch, 0)


def test_speculation_that_was_left_off_is_an_error(serve: Serve, profile: Profile, model: Path) -> None:
    url = serve({"/slots": [(200, [{"n_ctx": 512, "speculative": False}])]})
    launch = Launch(argv=(), env={}, url=url, shown=())
    assert describe(profile, launch, 0).n_ctx == 512
    with pytest.raises(ServerError, match="left speculation off although `draft` is set"):
        describe(profile.model_copy(update={"draft": str(model)}), launch, 0)


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
