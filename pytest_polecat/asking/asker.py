"""Asking one question: the turns of its conversation, kept replies, and a server that may have died."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import anyio
import anyio.to_thread

from pytest_polecat.asking.canary import seen_to_constrain
from pytest_polecat.asking.client import Client, Exchange, HttpClient
from pytest_polecat.asking.crowd import Crowd
from pytest_polecat.asking.identities import Identities
from pytest_polecat.asking.kept import KeptReplies, reply_key
from pytest_polecat.asking.profiles import api_key
from pytest_polecat.asking.prompting import SchemaOf, request_for
from pytest_polecat.errors import ServerError
from pytest_polecat.questions import selftest
from pytest_polecat.questions.cases import CaseParam, Entry
from pytest_polecat.questions.tool_results import ended
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.reply import AskError, Reply
from pytest_polecat.records.request import Request
from pytest_polecat.records.run import Hung, Served

Skipped = tuple[str, str, int]
"""A profile's name, a question's hash and an epoch."""

_IN_THE_MIDDLE = 500
_TEMPLATE_TOKENS = 200
"""More than a chat template adds to a short conversation."""


class ServerSource(Protocol):
    """Where servers come from: `Servers` in the controller, `RemoteServers` in a worker."""

    def wait(self, profile_name: str) -> Served:
        """Block until the profile's server is ready; raise `ServerError` if it can't be had."""

    def lost(self, profile_name: str, hung: Hung | None = None) -> Served:
        """Say that a request found the server gone, or hung; block until it is back, or raise `ServerError`."""


@dataclass(frozen=True)
class Asked:
    """What asking a question brought: a reply for each turn that was reached, and their keys.

    `not_applicable` says why the question does not apply to this server; there are no replies then. `graded` is what
    grading ahead came to, None where nobody did.
    """

    replies: tuple[Reply, ...]
    keys: tuple[str, ...] = ()
    not_applicable: str | None = None
    graded: Any = None

    @property
    def failed(self) -> bool:
        """Whether the machine failed, so that there is nothing to grade."""
        error = self.replies[-1].error if self.replies else None
        return error is not None and error.mode.infrastructure


class Asker:
    """Asks questions of the models that profiles name. Lives in one event loop."""

    def __init__(
        self,
        servers: ServerSource,
        kept: KeptReplies,
        *,
        seed: int,
        schema_of: SchemaOf,
        connections: int,
        identities: Identities,
        skipped: Mapping[Skipped, str],
        alone: bool = True,
    ) -> None:
        """`skipped`: what is known not to apply, and why. `alone`: no other worker asks."""
        self._servers = servers
        self._kept = kept
        self._seed = seed
        self._schema_of = schema_of
        self._connections = connections
        self._identities = identities
        self._skipped = skipped
        self.generated = 0
        self.background: Callable[[Callable[[], Coroutine[Any, Any, None]]], object] | None = None
        self._alone = alone
        self._crowds: dict[str, Crowd] = {}
        self._clients: dict[str, tuple[Served, Client]] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._constrains: dict[str, bool | None] = {}

    async def ask(self, profile: Profile, case: CaseParam) -> Asked:
        """Hold the question's conversation. Faults are in the replies; this raises nothing but cancellation."""
        entry = case.entry
        if entry is None:
            raise ValueError("a case without a question can't be asked")
        if profile.launcher_name == selftest.LAUNCHER:
            return self._selftest(entry, case)
        if known := self._skipped.get((profile.name, entry.hash, case.epoch)):
            return Asked((), not_applicable=known)
        if entry.question.constrained and await self._canary(profile) is False:
            return Asked((), not_applicable="the server was seen not to constrain its answers to a JSON Schema")
        seed = self._seed + case.epoch - 1
        replies: list[Reply] = []
        keys: list[str] = []
        for _ in range(entry.question.length):
            if end := ended(entry.question, replies):
                replies.append(end)
                break
            request = request_for(entry, profile, replies, seed, self._schema_of)
            if too_long := await self._too_long(request, profile):
                return Asked((), not_applicable=too_long)
            reply, key = await self.reply_to(request, profile)
            replies.append(reply)
            keys.append(key)
            if reply.error is not None:
                break
        return Asked(tuple(replies), tuple(keys))

    async def reply_to(self, request: Request, profile: Profile) -> tuple[Reply, str]:
        """The kept reply to a request, else the model's, kept at once; and its key."""
        key = reply_key(self._identities.hash_of(profile), request)
        kept = self._kept.get(key)
        if kept is not None:
            return kept, key
        exchange = await self._exchange(request, profile)
        self.generated += exchange.reply.usage.completion_tokens or 0
        self._kept.put(key, request, exchange)
        return exchange.reply, key

    async def served(self, profile: Profile) -> Served:
        """What the profile's server is; waits for it, and raises `ServerError` if it can't be had."""
        served, _ = await self._client(profile)
        return served

    async def aclose(self) -> None:
        """Close all connections."""
        for _, client in self._clients.values():
            await client.aclose()

    async def _exchange(self, request: Request, profile: Profile) -> Exchange:
        try:
            served, client = await self._client(profile)
        except ServerError as error:
            return _failed(error)
        exchange = await self._asked(client, request, profile)
        hung = _hung(exchange, served)
        if hung is None and not _connection_lost(exchange):
            return exchange
        try:
            _, client = await self._client(profile, lost=served, hung=hung)
        except ServerError as error:
            return _failed(error)
        return await self._asked(client, request, profile)

    async def _asked(self, client: Client, request: Request, profile: Profile) -> Exchange:
        """The answer. Where slots share their context, others may have taken it: then the request is repeated alone."""
        crowd = self._crowds.get(profile.name) or self._crowds.setdefault(profile.name, Crowd())
        async with crowd.among():
            exchange = await client.ask(request)
        if not _crowded_out(exchange):
            return exchange
        async with crowd.alone():
            exchange = await client.ask(request)
        if _crowded_out(exchange) and not self._alone:
            shared = "it ran out of context, which other workers may have taken if its slots share it"
            mend = "run without -n, or start the server with --no-kv-unified"
            error = AskError(mode=FailureMode.CONNECTION, message=f"{shared}; {mend}", status=_IN_THE_MIDDLE)
            return replace(exchange, reply=exchange.reply.model_copy(update={"error": error}))
        return exchange

    async def _client(
        self, profile: Profile, lost: Served | None = None, hung: Hung | None = None
    ) -> tuple[Served, Client]:
        known = self._clients.get(profile.name)
        if known is not None and lost is None:
            return known
        async with self._locks.setdefault(profile.name, anyio.Lock()):
            known = self._clients.get(profile.name)
            if known is not None and known[0] is not lost:
                return known
            order = (self._servers.wait,) if lost is None else (self._servers.lost, hung)
            served = await anyio.to_thread.run_sync(order[0], profile.name, *order[1:], abandon_on_cancel=True)
            if known is not None and served == known[0]:
                return known  # it lives: others have requests under way on this client
            if known is not None:
                await known[1].aclose()
            client = HttpClient(
                profile.url or served.url,
                api=profile.api,
                model=profile.model if profile.url else profile.name,
                api_key=api_key(profile),
                timeout=profile.answer_timeout,
                connections=self._connections,
                slots=profile.parallel,
            )
            self._clients[profile.name] = (served, client)
            if self.background is not None:
                self.background(client.watch)
            return served, client

    async def _canary(self, profile: Profile) -> bool | None:
        async with self._locks.setdefault(f"canary {profile.name}", anyio.Lock()):
            if profile.name not in self._constrains:
                self._constrains[profile.name] = await seen_to_constrain(profile, self.reply_to)
            return self._constrains[profile.name]

    async def _too_long(self, request: Request, profile: Profile) -> str | None:
        """Why the profile does not take this prompt. What has fewer bytes than `max_prompt` can't have more tokens."""
        if profile.max_prompt is None or len(json.dumps(request.body())) + _TEMPLATE_TOKENS <= profile.max_prompt:
            return None
        try:
            _, client = await self._client(profile)
        except ServerError:
            return None  # the request itself will tell
        count = await client.count(request)
        if count is None or count <= profile.max_prompt:
            return None
        return f"the prompt has {count} tokens, and the profile's max_prompt is {profile.max_prompt}"

    def _selftest(self, entry: Entry, case: CaseParam) -> Asked:
        return Asked(selftest.replies(entry.question, case.profile or "", case.variant))


def _crowded_out(exchange: Exchange) -> bool:
    """Whether the server ran out of context in the middle: a prompt that is too long by itself is refused with 400."""
    error = exchange.reply.error
    return error is not None and error.mode is FailureMode.CONTEXT_OVERFLOW and error.status == _IN_THE_MIDDLE


def _connection_lost(exchange: Exchange) -> bool:
    error = exchange.reply.error
    return error is not None and error.mode is FailureMode.CONNECTION and error.status is None


def _hung(exchange: Exchange, served: Served) -> Hung | None:
    error = exchange.reply.error
    if error is None or error.mode is not FailureMode.SERVER_CRASH:
        return None
    return Hung(url=served.url, message=error.message)


def _failed(error: ServerError) -> Exchange:
    return Exchange(Reply(error=AskError(mode=FailureMode(error.mode), message=str(error))), raw=None, retries=())
