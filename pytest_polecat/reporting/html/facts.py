"""What a page says about the model, the server and the machine: what the numbers are numbers of."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from pytest_polecat.records.profile import Reasoning
from pytest_polecat.records.run import Device, Host, ProfileRun, Run, SandboxRun, Served, Weights
from pytest_polecat.records.text import layers_shown
from pytest_polecat.reporting.text import shortened, size_of


@dataclass(frozen=True)
class Fact:
    """A line of the header; an empty `value` is shown as unknown. `code` is set in a fixed-width face."""

    label: str
    value: str
    code: bool = False


def facts_of_run(run: Run, profile: str) -> dict[str, list[Fact]]:
    """Everything that identifies a profile's part in a run, by group, unknowns included."""
    served = run.profiles.get(profile)
    groups = {
        "Model": _model(served) if served else [],
        "Server": _server(served.served) if served and served.served else [],
        "Run": _asked(run, served),
        "Machine": _host(run.host),
    }
    return {group: facts for group, facts in groups.items() if facts}


def _model(served: ProfileRun) -> list[Fact]:
    profile, server = served.profile, served.served or Served(launcher="", url="")
    weights = server.weights
    facts = [
        Fact("Model", server.model or profile.model or ""),
        Fact("Weights", _weights(server), code=True),
        Fact("SHA-256 of the weights", (weights.sha256 or "") if weights else "", code=True),
        *_placed(weights),
        *_companions(server),
        Fact("Chat template", server.template_hash or "", code=True),
        Fact("Modalities", ", ".join(server.modalities)),
        Fact("Profile hash", served.hash, code=True),
    ]
    return [Fact("Description", profile.description), *facts] if profile.description else facts


def _weights(server: Served) -> str:
    weights = server.weights or Weights(path=server.model_path or "")
    experts = f"{weights.experts} experts, {weights.experts_used} used" if weights.experts else ""
    parts = (
        f"{weights.architecture} {weights.quant or ''}".strip() if weights.architecture else "",
        f"{weights.layers} layers" if weights.layers else "",
        experts,
        size_of(weights.size) if weights.size is not None else "",
    )
    name = weights.path.replace("\\", "/").rsplit("/", 1)[-1]
    told = ", ".join(part for part in parts if part)
    return f"{name} ({told})" if name and told else name


def _placed(weights: Weights | None) -> list[Fact]:
    """What tensor patterns really took."""
    taken = [
        f"{each.pattern} → {each.buffer}: {each.tensors} tensors, {size_of(each.size)}"
        + (f", layers {layers_shown(each.layers)}" if each.layers else "")
        for each in (weights.overrides if weights else ())
    ]
    return [Fact("Tensors placed elsewhere", "; ".join(taken), code=True)] if taken else []


def _companions(server: Served) -> list[Fact]:
    files = (("Draft", server.draft), ("Projector", server.mmproj))
    return [Fact(label, f"{each.path.rsplit('/', 1)[-1]} ({each.sha256})", code=True) for label, each in files if each]


def _server(server: Served) -> list[Fact]:
    return [
        Fact("Build", server.build or "", code=True),
        Fact("Launcher", server.launcher),
        Fact("Address", _without_credentials(server.url), code=True),
        Fact("Command line", _command_line(server.command), code=True),
        Fact("Slots", _text(server.slots)),
        Fact("Context per slot", f"{server.n_ctx} tokens" if server.n_ctx else ""),
        *([] if server.speculative is None else [Fact("Speculation", "on" if server.speculative else "off")]),
        Fact("Sampling where a question sets none", json.dumps(server.sampling) if server.sampling else "", code=True),
        Fact("Ready after", f"{server.ready_seconds:.1f} s" if server.ready_seconds is not None else ""),
        *(Fact("Note", note) for note in server.notes),
    ]


def _asked(run: Run, served: ProfileRun | None) -> list[Fact]:
    facts = [
        Fact("Started", _when(run.started)),
        Fact("Finished", _when(run.finished) if run.finished else ""),
        Fact("Command line", _command_line(run.command), code=True),
        Fact("Seed", str(run.seed)),
        Fact("Epochs", str(run.epochs)),
        Fact("Asked at once", _text(run.concurrency)),
    ]
    if served is not None:
        asked = served.profile
        facts += [
            Fact("Sampling set by the profile", json.dumps(asked.sampling.fields()), code=True),
            Fact("Reasoning", _reasoning(asked.reasoning)),
        ]
        facts += [Fact("System prompt", shortened(asked.system, 500))] if asked.system else []
        facts += [Fact("Prompt prefix", shortened(asked.prompt_prefix, 500))] if asked.prompt_prefix else []
    suites = [f"{suite.suite} v{suite.version} {suite.hash}".rstrip() for suite in run.suites.values()]
    sandbox = [Fact("Sandbox", _sandbox(run.sandbox))] if run.sandbox else []
    unproven = [
        Fact(f"Unproven in {suite.suite}", shortened(", ".join(suite.unproven), 500))
        for suite in run.suites.values()
        if suite.unproven
    ]
    return [*facts, Fact("Suites", "; ".join(suites)), *unproven, *sandbox]


def _sandbox(sandbox: SandboxRun) -> str:
    kind = sandbox.engine if sandbox.isolated else f"{sandbox.engine} (UNSAFE: not isolated)"
    return ", ".join(part for part in (kind, sandbox.runtime, sandbox.image) if part)


def _reasoning(reasoning: Reasoning) -> str:
    if reasoning.enabled is None and reasoning.budget is None:
        return "as the chat template has it"
    budget = "" if reasoning.budget is None else f", at most {reasoning.budget} tokens"
    return ("off" if reasoning.enabled is False else "on") + budget


def _host(host: Host) -> list[Fact]:
    memory = f"{host.memory / 2**30:.0f} GiB" if host.memory else ""
    cores = f"{host.cores} cores" if host.cores else ""
    machine = ", ".join(part for part in (host.system, host.machine, host.processor, cores, memory) if part)
    versions = {"polecat": host.polecat, "pytest": host.pytest, "Python": host.python}
    return [
        Fact("Host", machine),
        *(Fact("Accelerator", _device(device)) for device in host.accelerators),
        Fact("Versions", ", ".join(f"{name} {version}" for name, version in versions.items() if version)),
    ]


def _device(device: Device) -> str:
    memory = size_of(device.memory) if device.memory else ""
    driver = f"driver {device.driver}" if device.driver else ""
    return ", ".join(part for part in (device.description or device.name, memory, driver) if part)


def _command_line(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else shlex.join(words)


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _when(moment: str) -> str:
    try:
        return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S %Z").rstrip()
    except ValueError:
        return moment


def _without_credentials(url: str) -> str:
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]).geturl()
    except ValueError:
        return ""
