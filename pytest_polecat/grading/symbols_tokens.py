r"""Formulas as text: Unicode and simple LaTeX made plain, and cut into tokens. Nothing here evaluates anything."""

import re
import unicodedata
from dataclasses import dataclass

from pytest_polecat.grading.latex import braced

MAX_LENGTH = 1000
"""Characters of a formula: what is longer is no short answer."""

MAX_DIGITS = 100
"""Digits of a number."""

_TRIGONOMETRIC = frozenset(("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"))
_INVERSE = frozenset(("arcsin", "arccos", "arctan", "asin", "acos", "atan"))

FUNCTIONS = _TRIGONOMETRIC | _INVERSE | {"exp", "ln", "log", "lg", "sqrt", "cbrt", "abs", "binom", "frac"}
"""The functions that a formula may use; `frac`, `sqrt` and `binom` also as LaTeX commands."""

CONSTANTS = frozenset(("pi", "e", "i", "oo", "infinity", "inf"))
"""Names with a fixed meaning, unless the question declares a variable of that name."""

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda", "μ": "mu",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega",
}  # fmt: skip
_PLAIN = {
    **{letter: f" {name} " for letter, name in _GREEK.items()},
    "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "÷": "/", "∕": "/", "⁄": "/", "√": r"\sqrt ",
    "∛": "cbrt ", "∞": " oo ", "≤": "<=", "⩽": "<=", "≥": ">=", "⩾": ">=", "≠": "!=", "⇒": "=", "→": "=",
}  # fmt: skip
_COMMANDS = {
    **dict.fromkeys(("left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "displaystyle"), " "),
    **dict.fromkeys(("quad", "qquad", "limits", "textstyle"), " "),
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "le": "<=", "leq": "<=", "leqslant": "<=", "lt": "<",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "gt": ">", "ne": "!=", "neq": "!=", "cup": "∪", "cap": "∩", "in": "∈",
    "emptyset": "∅", "varnothing": "∅", "infty": " oo ", "pm": "±", "mid": "|", "vert": "|", "lvert": "|",
    "rvert": "|", "lbrace": "⦃", "rbrace": "⦄", "approx": "≈", "simeq": "≈", "lor": " or ", "land": " and ",
    "varphi": " phi ", "implies": "=", "Rightarrow": "=",
}  # fmt: skip
_WORDS = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|operatorname)\s?\{([^{}]{0,80})\}")
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᶿ"
_SUPERSCRIPTS = re.compile(f"[⁺⁻⁽]{{0,3}}[{_RAISED}](?:[{_RAISED}⁺⁻⁽⁾]|[ᐟ⁄](?=[{_RAISED}]))*+")
_REWRITING: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\\mathbb\s?\{?R\}?"), "ℝ"),
    (re.compile(r"\\[()\[\]]|\\[,;:! ]|[$~]"), " "),
    (re.compile(r"\\\{"), "⦃"),
    (re.compile(r"\\\}"), "⦄"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<![<>!])=="), "="),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\s+"), " "),
)
_TOKEN = re.compile(
    r"""
    \s*(?:
        (?P<number> \d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)? | \d+(?:\.\d+)? | \.\d+ )
      | \\?(?P<name> [A-Za-z]+ (?: _(?: [A-Za-z0-9] | \{[A-Za-z0-9]{1,8}\} ) )? )
      | (?P<sign> [-+*/^()\[\]{}|!,±%] )
    )
    """,
    re.VERBOSE,
)


class UnreadableError(ValueError):
    """The text is no formula of the kinds that are understood."""


@dataclass(frozen=True)
class Token:
    """A number, a name or a sign; its text; and where it begins in the tidied formula."""

    kind: str
    text: str
    at: int


def tidy(text: str) -> str:
    r"""The formula in plain text: `½` and `\dfrac{1}{2}` as fractions, `x²` as `x^(2)`, `\{1\}` as `⦃1⦄`."""
    text = _SUPERSCRIPTS.sub(lambda match: f"^({_upright(match[0])})", text[: MAX_LENGTH * 4])
    text = "".join(_vulgar(text, at) for at in range(len(text)))
    text = unicodedata.normalize("NFKC", "".join(_PLAIN.get(each, each) for each in text))
    text = _WORDS.sub(r" \1 ", text)
    text = re.sub(r"\\([A-Za-z]+)", lambda match: _COMMANDS.get(match[1], match[0]), text)
    text = braced(text)
    for pattern, replacement in _REWRITING:
        text = pattern.sub(replacement, text)
    return text.strip()


def tokens(formula: str, variables: frozenset[str]) -> list[Token]:
    """The tokens of a tidied formula, letters run together parted: `xy` is x and y if both are variables.

    Raises `UnreadableError` for a sign that no formula has, and for one that is too long.
    """
    if len(formula) > MAX_LENGTH:
        raise UnreadableError(f"it is longer than {MAX_LENGTH} characters")
    found: list[Token] = []
    at = depth = 0
    while at < len(formula):
        match = _TOKEN.match(formula, at)
        if match is None:
            raise UnreadableError(f"{formula[at : at + 20]!r} can't be read")
        kind = match.lastgroup or ""
        start, text = match.start(kind), match[kind]
        if kind == "number" and depth and "," in text:
            text = text.partition(",")[0]
        at = start + len(text)
        depth += (text in ("(", "{", "[")) - (text in (")", "}", "]"))
        found += (
            _names(text, start, variables) if kind == "name" else [Token(kind, text.replace(",", "") or ",", start)]
        )
    return found


def _names(run: str, start: int, variables: frozenset[str]) -> list[Token]:
    """The names that a run of letters is made of, the longest first; the run itself if it is not made of names."""
    base, _, index = run.partition("_")
    if index:
        run = f"{base}_{index.strip('{}')}"
        known = run in variables or (base == "log" and index.strip("{}").isdigit())
        return [Token("name" if known else "word", run, start)]
    names = variables | FUNCTIONS | CONSTANTS
    folded = base.lower() if base.lower() in FUNCTIONS | CONSTANTS and len(base) > 1 else base
    if folded in names:
        return [Token("name", folded, start)]
    parts, at = [], 0
    while at < len(base):
        longest = next((end for end in range(min(len(base), at + 12), at, -1) if base[at:end] in names), None)
        if longest is None:
            return [Token("word", run, start)]
        parts.append(Token("name", base[at:longest], start + at))
        at = longest
    return parts


def _upright(superscript: str) -> str:
    return unicodedata.normalize("NFKC", superscript).translate({ord("−"): "-", ord("⁄"): "/", ord("ᐟ"): "/"})


def _vulgar(text: str, at: int) -> str:
    """The character, or a fraction such as ½ in digits: a mixed number after a digit."""
    character = text[at]
    fraction = unicodedata.normalize("NFKC", character).replace("⁄", "/")
    if not re.fullmatch(r"\d{1,2}/\d{1,2}", fraction):
        return character
    return f" {fraction}" if text[at - 1 : at].isdigit() else f"({fraction})"
