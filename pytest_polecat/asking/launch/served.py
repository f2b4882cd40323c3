"""A launched server that is ready: warmed up, and held against what its profile asks for."""

import time
from collections.abc import Mapping
from pathlib import Path

import httpx
from pydantic import JsonValue

from pytest_polecat.asking.failures import refusal
from pytest_polecat.asking.launch.answers import Answers, http_client, without_key
from pytest_polecat.asking.launch.base import Launch
from pytest_polecat.asking.retrying import BUSY, RetryPolicy, seconds_of
from pytest_polecat.asking.streaming import read_json
from pytest_polecat.asking.weights.digest import sha256_of, weights_files
from pytest_polecat.errors import PolecatError, ServerError
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Served, Weights

_FIRST_REQUEST: dict[str, JsonValue] = {
    "messages": [{"role": "user", "content": "Hi"}],
    "max_tokens": 2,
    "temperature": 0,
    "cache_prompt": False,
}
_PATIENCE = RetryPolicy()
_WEIGHTS = ("model", "draft", "mmproj")


def warm_up(profile: Profile, url: str, model: str | None = None) -> None:
    """Ask something small: the first request to a fresh server is slow, and shows whether it can answer at all.

    Waits `profile.ready_timeout`, and asks again a few times while the server is busy with others. Raises `ServerError`
    with the server's own words if it can't.
    """
    body = {**_FIRST_REQUEST, **({"model": model} if model else {})}
    with http_client(profile, url, profile.ready_timeout) as client:
        try:
            answer = _answer(client, f"{url}/chat/completions", body)
        except httpx.HTTPError as error:
            reason = without_key(profile, str(error) or type(error).__name__)
            trouble = f"the server did not answer its first request: {reason}"
            raise ServerError(f"profile {profile.name!r}: {trouble}", mode="connection") from error
    if not answer.is_success:
        told = refusal(answer.status_code, read_json(without_key(profile, answer.text))).message
        raise ServerError(f"profile {profile.name!r}: at its first request, {told}", mode="connection")


def _answer(client: httpx.Client, url: str, body: JsonValue) -> httpx.Response:
    answer = client.post(url, json=body)
    for repeat in range(1, _PATIENCE.busy + 1):
        if answer.status_code not in BUSY:
            break
        time.sleep(_PATIENCE.delay(repeat, seconds_of(answer.headers.get("retry-after"))))
        answer = client.post(url, json=body)
    return answer


def describe(profile: Profile, launch: Launch, ready_seconds: float, hashes: Mapping[str, str] | None = None) -> Served:
    """The record of a server that we launched; `hashes` are those of the weights when the run began.

    Raises `ServerError` when it is not what the profile asks for: other weights than requested (a stale server got
    our port, or the file was replaced), fewer slots or a shorter context, speculation or vision silently left off.
    """
    with http_client(profile, launch.url) as client:
        served = Answers.of_single(client, launch.url).served(profile, launch.url)
    for problem in _problems(profile, launch, served):
        raise ServerError(f"profile {profile.name!r}: {problem}")
    files = {key: path for key, path in launch.files.items() if key in _WEIGHTS}
    if not files and served.model_path and Path(served.model_path).is_file():
        # The server fetched the weights by itself.
        files["model"] = Path(served.model_path)
    weights = {key: _weights(path, launch if key == "model" else None) for key, path in files.items()}
    for key, found in weights.items():
        if hashes and hashes.get(key, found.sha256) != found.sha256:
            raise ServerError(f"profile {profile.name!r}: {found.path} was replaced during the run; begin a new run")
    notes = (*launch.notes, *_template_notes(launch, served, weights.get("model")))
    return served.model_copy(
        update={
            "command": launch.shown,
            "ready_seconds": round(ready_seconds, 3),
            "build": launch.build or served.build,
            "weights": weights.get("model"),
            "draft": weights.get("draft"),
            "mmproj": weights.get("mmproj"),
            "devices": launch.look(),
            "notes": notes,
        }
    )


def _weights(path: Path, launch: Launch | None) -> Weights:
    from pytest_polecat.asking.weights.key_overrides import overridden
    from pytest_polecat.asking.weights.metadata import describe_weights

    try:
        described = describe_weights(path, launch.placement if launch else ())
    except PolecatError:
        # A server may read a newer format than we do: what its file holds stays unknown.
        described = Weights(path=str(path), size=path.stat().st_size)
    used = overridden(launch.key_overrides, f"{described.architecture}.expert_used_count") if launch else None
    changed = {"experts_used": used} if used is not None else {}
    return described.model_copy(update={"sha256": sha256_of(weights_files(path)), **changed})


def _problems(profile: Profile, launch: Launch, served: Served) -> list[str]:
    """What the server does not do although the profile asks for it; nothing where it doesn't say."""
    problems = []
    requested = launch.files.get("model")
    if requested and served.model_path and Path(served.model_path).resolve() != requested.resolve():
        problems.append(
            f"the server at its port serves {served.model_path}, not {requested}: another server has the port; stop it"
        )
    if served.slots and served.slots != profile.parallel:
        problems.append(f"the server has {served.slots} slots, not `parallel` = {profile.parallel}; correct the flags")
    if launch.context and served.n_ctx and served.n_ctx < launch.context:
        problems.append(
            f"the server gives a slot {served.n_ctx} tokens of context, not {launch.context}: the model was trained "
            "for no more; lower `ctx-size`, or lift the limit with override-kv = ARCHITECTURE.context_length=int:N"
        )
    if launch.speculates and served.speculative is False:
        problems.append(
            "the server left speculation off although the profile asks for it: the draft's vocabulary does not fit "
            f"the model's, or `spec-type` is missing; see: polecat profiles check {profile.name}"
        )
    if "mmproj" in launch.files and served.modalities == ("text",):
        problems.append("the server takes no images although `mmproj` is set; use the projector of these weights")
    return problems


def _template_notes(launch: Launch, served: Served, weights: Weights | None) -> list[str]:
    if launch.template or weights is None:
        return []
    if weights.template_hash is None:
        return ["the weights carry no chat template: the server used one of its own"]
    if served.template_hash and served.template_hash != weights.template_hash:
        return ["the server changed the chat template that the weights carry"]
    return []
