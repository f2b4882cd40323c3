"""Places in a document."""

Path_ = tuple[str | int, ...]
"""Where a value stands in a document: keys and indices from the root."""


def dotted(path: Path_) -> str:
    """`("questions", 3, "points")` as people write it: `questions[3].points`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"
