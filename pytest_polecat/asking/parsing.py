"""Reading a raw answer without knowing which API it came from: so that kept raw replies can be read again."""

from pydantic import JsonValue

from pytest_polecat.asking.apis.anthropic import ANTHROPIC, is_anthropic
from pytest_polecat.asking.apis.openai import OPENAI
from pytest_polecat.records.reply import Reply


def parse_reply(body: JsonValue, wall_ms: float) -> Reply:
    """Read the body of an answer: the parsed object, the list of a stream's chunks, or text that is no JSON.

    Never raises. What is no answer becomes a reply with an `error`, which holds whatever could be read. `wall_ms` is
    the client's time from sending the request to having the whole answer. Anthropic's answers and chunks say what they
    are (`"type": "message"`); everything else is read as a chat completion.
    """
    dialect = ANTHROPIC if is_anthropic(body) else OPENAI
    return dialect.read(body, wall_ms)
