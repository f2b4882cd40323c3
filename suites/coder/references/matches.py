def matches(pattern, text):
    tree, _ = alternative(pattern, 0, top=True)
    return len(text) in ends(tree, text, {0})


def alternative(pattern, at, top=False):
    """The parts from `at` to the end of this alternative, and where it ends."""
    parts = []
    while at < len(pattern) and (top or pattern[at] not in ",}"):
        char = pattern[at]
        at += 1
        if char == "\\":
            if at == len(pattern):
                raise ValueError("nothing follows the backslash")
            parts.append(("set", {(pattern[at], pattern[at])}, False))
            at += 1
        elif char == "[":
            part, at = char_set(pattern, at)
            parts.append(part)
        elif char == "{":
            options = []
            while True:
                option, at = alternative(pattern, at)
                options.append(option)
                if at == len(pattern):
                    raise ValueError("a { is not closed")
                at += 1
                if pattern[at - 1] == "}":
                    break
            parts.append(("any", options))
        elif char in "*?":
            parts.append((char,))
        else:
            parts.append(("set", {(char, char)}, False))
    return parts, at


def char_set(pattern, at):
    end = pattern.find("]", at)
    body = pattern[at:end]
    negated = body.startswith("!")
    body = body[negated:]
    if end < 0 or not body:
        raise ValueError("a [ is not closed, or nothing stands in it")
    ranges = set()
    i = 0
    while i < len(body):
        low = high = body[i]
        if i + 2 < len(body) and body[i + 1] == "-":
            high = body[i + 2]
            i += 2
        if low > high:
            raise ValueError(f"{low}-{high} is the wrong way round")
        ranges.add((low, high))
        i += 1
    return ("set", ranges, negated), end + 1


def ends(parts, text, starts):
    """Where the parts can end if they begin at one of `starts`."""
    for part in parts:
        if not starts:
            break
        if part[0] == "*":
            starts = set(range(min(starts), len(text) + 1))
        elif part[0] == "?":
            starts = {i + 1 for i in starts if i < len(text)}
        elif part[0] == "any":
            starts = set().union(*(ends(option, text, starts) for option in part[1]))
        else:
            _, ranges, negated = part
            starts = {
                i + 1
                for i in starts
                if i < len(text) and any(low <= text[i] <= high for low, high in ranges) != negated
            }
    return starts
