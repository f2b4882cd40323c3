import re


def matches(pattern, text):
    return re.fullmatch(translated(pattern), text, re.DOTALL) is not None


def translated(pattern):
    regex, depth, at = "", 0, 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\":
            if at == len(pattern):
                raise ValueError("nothing follows the backslash")
            regex += re.escape(pattern[at])
            at += 1
        elif char == "[":
            end = pattern.index("]", at)
            body = pattern[at:end]
            at = end + 1
            if body in ("", "!"):
                raise ValueError("an empty set")
            try:
                regex += re.compile(
                    "[" + re.sub("^!", "^", body.replace("\\", "\\\\").replace("^", "\\^")) + "]"
                ).pattern
            except re.error as error:
                raise ValueError(str(error)) from None
        elif char == "{":
            depth += 1
            regex += "(?:"
        elif depth and char == "}":
            depth -= 1
            regex += ")"
        elif depth and char == ",":
            regex += "|"
        else:
            regex += {"*": ".*", "?": "."}.get(char) or re.escape(char)
    if depth:
        raise ValueError("a { is not closed")
    return regex
