import re


def pages(selection, last):
    if not selection.strip():
        return list(range(1, last + 1))
    chosen = set()
    for piece in selection.split(","):
        match = re.fullmatch(r" *([0-9]*) *(-?) *([0-9]*) *", piece)
        if not match or not (match[1] or match[3]) or (match[3] and not match[2]):
            raise ValueError(f"malformed: {piece!r}")
        start = int(match[1] or 1)
        end = int(match[3] or last) if match[2] else start
        if not 1 <= start <= end <= last:
            raise ValueError(f"no such pages: {piece!r}")
        chosen.update(range(start, end + 1))
    return sorted(chosen)
