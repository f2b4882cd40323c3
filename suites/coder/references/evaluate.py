import re
from fractions import Fraction


class ExpressionError(ValueError):
    def __init__(self, position):
        super().__init__(f"error at position {position}")
        self.position = position


def evaluate(text):
    tokens = [(match[0], match.start()) for match in re.finditer(r"[0-9]+|[^ ]", text)]
    tokens.append(("", len(text)))
    at = 0

    def accept(wanted):
        nonlocal at
        token, position = tokens[at]
        if token == "" or token not in wanted:
            return None
        at += 1
        return token, position

    def total():
        value = product()
        while found := accept("+-"):
            value = value + product() if found[0] == "+" else value - product()
        return value

    def product():
        value = signed()
        while found := accept("*/"):
            factor = signed()
            if found[0] == "/" and factor == 0:
                raise ExpressionError(found[1])
            value = value * factor if found[0] == "*" else value / factor
        return value

    def signed():
        return -signed() if accept("-") else power()

    def power():
        value = atom()
        if found := accept("^"):
            exponent = signed()
            if exponent.denominator != 1 or (value == 0 and exponent < 0):
                raise ExpressionError(found[1])
            value = value ** int(exponent)
        return value

    def atom():
        nonlocal at
        token, position = tokens[at]
        if re.fullmatch("[0-9]+", token):
            at += 1
            return Fraction(int(token))
        if not accept("("):
            raise ExpressionError(position)
        value = total()
        if not accept(")"):
            raise ExpressionError(tokens[at][1])
        return value

    value = total()
    if at < len(tokens) - 1:
        raise ExpressionError(tokens[at][1])
    return value
