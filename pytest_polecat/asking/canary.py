"""The canary for schema-constrained decoding: does the server really constrain?

llama-server answers with status 200 and unconstrained text when it can't turn a schema into a grammar, and other
servers ignore `response_format` altogether. So before the first constrained question a request is sent whose
unconstrained answer can't be mistaken for a constrained one.
"""

import json
from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from pytest_polecat.asking.prompting import chat_request
from pytest_polecat.records.profile import Profile, Reasoning
from pytest_polecat.records.reply import Message, Reply
from pytest_polecat.records.request import NOTHING, Request, Sampling

EXPECTED = {"canary": "polecat"}

PROMPT: Message = {"role": "user", "content": "Write one short sentence about the sea. Use plain words, no JSON."}

SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"canary": {"const": "polecat"}},
    "required": ["canary"],
    "additionalProperties": False,
}


async def seen_to_constrain(
    profile: Profile, reply_to: Callable[[Request, Profile], Awaitable[tuple[Reply, str]]]
) -> bool | None:
    """True if the answer is what only the schema asks for, False if it is not, None if there was no whole answer."""
    reply, _ = await reply_to(canary_request(profile), profile)
    return constrained(reply)


def constrained(reply: Reply) -> bool | None:
    """What the canary's reply tells; None if it is no whole answer."""
    if reply.error is not None or reply.truncated or reply.empty:
        return None
    try:
        return bool(json.loads(reply.content) == EXPECTED)
    except (ValueError, RecursionError):
        return False


def canary_request(profile: Profile) -> Request:
    """The canary's request: thinking off, so that the answer comes at once."""
    calm = profile.model_copy(update={"reasoning": Reasoning(enabled=False)})
    request = chat_request([PROMPT], calm, Sampling(temperature=0, max_tokens=128), NOTHING, seed=0)
    constraint: JsonValue = {"name": "canary", "strict": True, "schema": SCHEMA}
    return request.model_copy(update={"response_format": {"type": "json_schema", "json_schema": constraint}})
