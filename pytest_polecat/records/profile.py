"""A named way to reach one model."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from pytest_polecat.records.base import Record
from pytest_polecat.records.request import Sampling


class Reasoning(Record):
    """Whether and how long the model may think before it answers.

    Short forms in `polecat.toml`: `"on"`, `"off"`, or a number of tokens (the budget).
    """

    enabled: bool | None = None
    budget: Annotated[int, Field(ge=0)] | None = Field(default=None, description="thinking tokens at most")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        match value:
            case "on" | True:
                return {"enabled": True}
            case "off" | False:
                return {"enabled": False}
            case int():
                return {"enabled": True, "budget": value}
            case str():
                raise ValueError('write reasoning = "on", "off" or a number of tokens')
        return value


_Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(Record):
    """What asking costs: tokens in currency units per million, or electricity for a machine of one's own.

    `electricity` is the price of a kilowatt-hour, `watts` what the machine draws while it answers.
    """

    input: _Money = 0
    cached_input: _Money | None = None
    output: _Money = 0
    electricity: _Money | None = None
    watts: _Money | None = None
    currency: str = "USD"

    @model_validator(mode="after")
    def _electricity_is_whole(self) -> Self:
        if (self.electricity is None) != (self.watts is None):
            raise ValueError("give `electricity` (per kWh) and `watts` together")
        return self


class Profile(Record):
    """One model as it is to be served and asked. The keys are those of a `[profiles.NAME]` table."""

    name: str
    description: str = ""
    model: str | None = Field(default=None, description="weights file under models_dir, or the API's name")
    launcher: str | None = Field(default=None, description="binary, embedded, external or a third party's")
    command: str | None = Field(default=None, description="a llama-server command line as users have it")
    args: dict[str, JsonValue] = Field(default={}, description="server flags without their dashes")
    env: dict[str, str] = {}
    wrapper: tuple[str, ...] = Field(default=(), description="a command prefix such as numactl --interleave=all")
    url: str | None = Field(default=None, description="the base of an API that runs already, with its /v1")
    api: Literal["openai", "anthropic"] = Field(default="openai", description="the protocol that the URL speaks")
    key_env: str | None = Field(default=None, description="environment variable that holds the API key")
    price: Price | None = None
    parallel: Annotated[int, Field(ge=1)] = Field(default=1, description="server slots = questions answered at once")
    sampling: Sampling = Sampling()
    reasoning: Reasoning = Reasoning()
    system: str | None = None
    prompt_prefix: str = ""
    draft: str | None = None
    mmproj: str | None = None
    max_prompt: Annotated[int, Field(ge=1)] | None = None
    ready_timeout: Annotated[float, Field(gt=0)] = Field(default=600, description="seconds to load the weights")
    answer_timeout: Annotated[float, Field(gt=0)] = Field(default=600, description="seconds for one reply")
    sweep: dict[str, list[JsonValue]] = {}
    roles: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_serve(self) -> Self:
        if self.url and (self.command or self.args):
            raise ValueError("`url` reaches a server that runs already: drop `command` and `args`, or drop `url`")
        if self.command and self.args:
            raise ValueError("give `command` or `args`, not both")
        if self.api != "openai" and not self.url:
            raise ValueError(f'api = "{self.api}" needs the `url` of that API')
        return self

    @property
    def launcher_name(self) -> str:
        """The launcher to use: the declared one, else `external` for a URL and `binary` for a local model."""
        return self.launcher or ("external" if self.url else "binary")

    def asked_with(self) -> dict[str, Any]:
        """What of this profile changes the replies; the rest (description, time-outs, prices) does not."""
        return self.model_dump(
            mode="json",
            exclude={"name", "description", "price", "ready_timeout", "answer_timeout", "roles", "sweep", "key_env"},
        )
