"""Inspections of profiles as lines for people."""

import shlex
from collections.abc import Iterator, Sequence

from pytest_polecat.asking.inspection import Inspection, Need, Room
from pytest_polecat.asking.launch.binary.launcher import PORT, shown
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Weights
from pytest_polecat.records.text import layers_shown

_GIB = 2**30
_MIB = 2**20


def inspection_lines(inspection: Inspection, profile: Profile) -> Iterator[str]:
    """Everything about one profile, problems last."""
    yield inspection.profile
    line = inspection.command
    if line:
        yield f"  server   {line.build.argv[0]}, build {line.build.name}"
        yield f"  command  {shlex.join(shown(line.argv(profile, PORT)))}"
    for key, weights in inspection.weights.items():
        yield f"  {key:<8} {_weights(weights)}"
    model = inspection.weights.get("model")
    for override in model.overrides if model else ():
        where = f", layers {layers_shown(override.layers)}" if override.layers else ""
        yield f"  pattern  {override.pattern} takes {override.tensors} tensors, {size(override.size)}{where}"
        yield f"           to {override.buffer}"
    if inspection.untaken:
        yield f"           the experts of layers {layers_shown(inspection.untaken)} are not taken"
    if inspection.need:
        yield f"  needs    {_need(inspection.need)}"
    for note in inspection.notes:
        yield f"  note     {note}"
    for problem in inspection.problems:
        yield f"  problem  {problem}"
    if not inspection.problems:
        yield "  ok       nothing wrong was found"


def memory_lines(inspections: Sequence[Inspection], room: Room) -> Iterator[str]:
    """What all of them need together, and what is free."""
    needs = [each.need for each in inspections if each.need]
    if not needs:
        return
    if len(needs) > 1:
        together = Need(sum(need.device for need in needs), sum(need.host for need in needs))
        yield f"together   {_need(together)}"
    for device in room.devices:
        of = f" of {size(device.memory)}" if device.memory else ""
        yield f"free now   {size(device.free)}{of} on {device.name} ({device.description})"
    if room.host is not None:
        yield f"free now   {size(room.host)} of the machine's own memory"


def memory_problems(inspections: Sequence[Inspection], room: Room) -> Iterator[str]:
    """What does not fit: each profile by itself, since one server is up at a time."""
    for each in inspections:
        if each.need and (lack := lacking(each.need, room)):
            yield f"{each.profile} does not fit: {lack}"


def lacking(need: Need, room: Room) -> str:
    """What is missing for this need; empty if it fits as far as is known."""
    device, host = need.device, need.host
    if not room.devices:
        device, host = 0, need.device + need.host
    lacks = []
    if room.device is not None and device > room.device:
        lacks.append(f"the accelerators lack {size(device - room.device)}")
    if room.host is not None and host > room.host:
        lacks.append(f"the machine's own memory lacks {size(host - room.host)}")
    return " and ".join(lacks)


def size(count: int | None) -> str:
    """Bytes for a person."""
    if count is None:
        return "unknown"
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count / _MIB:.1f} MiB"


def _weights(weights: Weights) -> str:
    experts = f"{weights.experts} experts ({weights.experts_used} used)" if weights.experts else None
    parts = (
        weights.path,
        f"{weights.architecture} {weights.name or ''}".strip() if weights.architecture else None,
        weights.quant,
        size(weights.size) + (f" in {weights.parts} files" if weights.parts > 1 else ""),
        f"{_count(weights.parameters)} parameters" if weights.parameters else None,
        f"{weights.layers} layers" if weights.layers else None,
        experts,
        f"trained for {weights.context} tokens" if weights.context else None,
        f"template {weights.template_hash}" if weights.template_hash else "no template",
        "with layers for multi-token prediction" if weights.mtp else None,
    )
    return ", ".join(part for part in parts if part)


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.1f} M"


def _need(need: Need) -> str:
    notes = f" ({'; '.join(need.notes)})" if need.notes else ""
    return f"{size(need.device)} on accelerators, {size(need.host)} of the machine's own memory{notes}"
