"""Programs of several files, which import each other."""

import random
from pathlib import Path

import pytest

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")


DURATIONS = (REFERENCES / "durations.md").read_text("utf-8")


@polecat.question(
    id="two-files",
    tier=1,
    points=3,
    prompt="""\
Write two Python files. Answer with a code block for each, and its name on the line before.

`durations.py` has a function `minutes(text)` that returns as an int how many minutes a duration has. Durations are
written like `2h`, `1h05` (with two digits from 00 to 59 after the h) or `95m`; anything else raises `ValueError`.

`main.py` uses it. It reads durations from standard input, one on each line, and prints their sum in hours and
minutes, like `3:05`. Spaces around a duration and empty lines do not matter. Lines that are no durations are left
out; if there are any, a second line says how many, like `skipped: 2`.
""",
    reference=DURATIONS,
    wrong=[
        {"content": DURATIONS.replace("{total % 60:02}", "{total % 60}"), "points": 1},
        {"content": DURATIONS.replace("from durations", "from duration"), "points": 1},
        DURATIONS.replace("([0-9]+)m", "([0-9_]+)m"),
        DURATIONS.replace("([0-5][0-9])?", "([0-9]*)").replace("`durations.py`", "`durations.py`:"),
        DURATIONS.partition("`main.py`")[2],
    ],
)
def test_two_files(reply, sandbox, score):
    """A module and a program that imports it; the program is run."""
    files = reply.files()
    minutes = sandbox.load(files, "durations").minutes
    rng = random.Random(61)
    known = {f"{hours}h{rest:02}": hours * 60 + rest for hours, rest in [(0, 0), (1, 5), (2, 59), (30, 10)]}
    for text, expected in {**known, "2h": 120, "95m": 95, "0m": 0}.items():
        assert minutes(text) == expected
    for text in ("", "h", "1h5", "1h60", "1h05m", "95", "-5m", "1.5h", "m", "1h005", "1h+5", "1_0m"):
        with pytest.raises(ValueError):
            minutes(text)
    score.award(1, note="durations.py")
    hours, rest = rng.randint(2, 30), rng.randint(1, 9)
    lines = [f"{hours}h", "", f"  {rest}m ", "soon", "0h59", "1m", "7"]
    done = sandbox.run(["python3", "main.py"], files=files, stdin="\n".join(lines) + "\n")
    assert done.stdout.decode(errors="replace").splitlines() == [f"{hours + 1}:{rest:02}", "skipped: 2"]
    done = sandbox.run(["python3", "main.py"], files=files, stdin="1h05\n")
    assert done.stdout.decode(errors="replace").splitlines() == ["1:05"]
    score.award(2, note="main.py")


LEDGER = (REFERENCES / "ledger.md").read_text("utf-8")


@polecat.question(
    id="ledger-package",
    tier=2,
    points=4,
    prompt="""\
Write a Python package `ledger` of five files. Answer with a code block for each, under a heading with its path.

- `ledger/errors.py`: `LedgerError`, an exception, and its subclass `Overdrawn`, with the attributes `account` and
  `missing`.
- `ledger/money.py`: `parse(text)` turns an amount such as `12` or `12.05` (digits, and perhaps a point and two
  digits) into cents, an int; anything else raises `LedgerError`. `show(cents)` turns cents (0 or more) into a text
  such as `12.05`, always with two digits after the point.
- `ledger/book.py`: `Book()` with `deposit(account, amount)`, `transfer(source, target, amount)`, `balance(account)`
  and `accounts()`. Amounts are given and returned as texts, as in `money`. An account exists once an amount (0.00
  too) came in by a deposit or a transfer; one that does not exist has the balance `0.00`. `accounts()` is their
  sorted list. A transfer of more than the source has raises `Overdrawn`, where `missing` is how much it lacks, as a
  text; then nothing changes.
- `ledger/__init__.py` makes `Book`, `LedgerError` and `Overdrawn` available.
- `ledger/__main__.py`, run by `python3 -m ledger`, reads lines such as `deposit anna 12.50` and `transfer anna bo 3`
  from standard input. For a transfer that overdraws an account it prints `line 2: anna lacks 1.05` (with the line's
  number, from 1), for any other line that is malformed `line 2: error`, and goes on. In the end it prints a line with
  its balance, such as `anna 9.50`, for each account, sorted.
""",
    reference=LEDGER,
    wrong=[
        {
            "content": LEDGER.replace(
                'print(f"line {number}: {error.account}', 'print(f"line {number - 1}: {error.account}'
            ),
            "points": 3,
        },
        {"content": LEDGER.replace("if source in self._cents:", "if True:"), "points": 3},
        LEDGER.replace("### ledger/errors.py", "### errors.py"),
        {"content": LEDGER.replace("money.show(-left))", "money.show(cents))"), "points": 1},
        LEDGER.replace("{cents % 100:02}", "{cents % 100}"),
        LEDGER.replace("###", "The file is").replace("```python", "").replace("```", ""),
    ],
)
def test_ledger_package(reply, sandbox, score):
    """A package whose modules use each other, imported and run."""
    files = reply.files()
    ledger = sandbox.load(files, "ledger")
    ledger.define("import ledger.money, ledger.errors\n_money = ledger.money\n_errors = ledger.errors")
    for text, cents in {"12": 1200, "12.05": 1205, "0.50": 50, "007": 700, f"{10**16}.01": 10**18 + 1}.items():
        assert ledger._money.parse(text) == cents
    for text in ("", "-1", "1.5", "1.", ".50", "1,50", "1.005", "a", "+1", "1_0", "1.+5"):
        with pytest.raises(ledger._errors.LedgerError):
            ledger._money.parse(text)
    assert [ledger._money.show(cents) for cents in (0, 7, 1205, 10**18 + 1)] == [
        "0.00",
        "0.07",
        "12.05",
        f"{10**16}.01",
    ]
    score.award(1, note="money")
    book = ledger.Book()
    book.deposit("bo", "10.00")
    book.deposit("anna", "0.05")
    book.transfer("bo", "cy", "9.99")
    with pytest.raises(ledger.Overdrawn) as caught:
        book.transfer("anna", "di", "1.10")
    assert (caught.value.account, caught.value.missing) == ("anna", "1.05")
    assert issubclass(ledger.Overdrawn, ledger.LedgerError)
    with pytest.raises(ledger.LedgerError):
        book.deposit("ed", "much")
    assert book.accounts() == ["anna", "bo", "cy"]
    assert [book.balance(name) for name in ("anna", "bo", "cy", "di")] == ["0.05", "0.01", "9.99", "0.00"]
    score.award(2, note="books")
    lines = [
        "deposit zoe 12.50",
        "transfer zoe bo 3",
        "transfer bo zoe 4.05",
        "deposit zoe",
        "borrow zoe 1",
        "deposit al 1.5",
        "deposit di 0",
        "transfer nobody al 0.00",
    ]
    done = sandbox.run(["python3", "-m", "ledger"], files=files, stdin="\n".join(lines) + "\n")
    told = [
        "line 3: bo lacks 1.05",
        "line 4: error",
        "line 5: error",
        "line 6: error",
        "al 0.00",
        "bo 3.00",
        "di 0.00",
        "zoe 9.50",
    ]
    assert done.stdout.decode(errors="replace").splitlines() == told
    score.award(1, note="program")


TINYTEMPLATE = (REFERENCES / "tinytemplate.md").read_text("utf-8")

USED = """
def _error_line(template, values):
    try:
        render(template, values)
    except TemplateError as error:
        return error.line

def _with_filter(name, mark, template, values):
    register(name, lambda value: mark + str(value) + mark)
    return render(template, values)
"""


def template_of(rng, names, depth=0):
    """A random template, and a function that gives what it renders to: made side by side."""
    parts, makers = [], []
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(["text", "value", "filter", "for", "if"] if depth < 3 else ["text", "value"])
        name = rng.choice(names)
        if kind == "text":
            parts.append(rng.choice(["sea ", "\n", "{ ", "%} ", "end"]))
            makers.append(lambda _, text=parts[-1]: text)
        elif kind in ("value", "filter"):
            parts.append("{{" + name + "}}" if kind == "value" else "{{ " + name + " | trim|upper }}")
            makers.append(lambda s, n=name, k=kind: str(s[n]) if k == "value" else str(s[n]).strip().upper())
        elif kind == "for":
            inner, make = template_of(rng, [*names, "item"], depth + 1)
            parts.append("{% for item in all.list %}" + inner + "{% end %}")
            makers.append(lambda s, make=make: "".join(make({**s, "item": item}) for item in s["all"]["list"]))
        else:
            (inner, make), (other, make_other) = (template_of(rng, names, depth + 1) for _ in "12")
            test = rng.choice([name, "nothing.there"])
            parts.append("{%if " + test + "%}" + inner + "{% else %}" + other + "{% end %}")
            makers.append(lambda s, test=test, m=make, o=make_other: m(s) if s.get(test) else o(s))
    return "".join(parts), lambda scope: "".join(make(scope) for make in makers)


@polecat.question(
    id="template-package",
    tier=3,
    points=5,
    prompt="""\
Write a Python package `tinytemplate`, a small template engine, with the standard library only. It has at least the
files `__init__.py`, `errors.py`, `filters.py` and `parser.py`. Answer with a code block for each file, under a line
with its path, such as **tinytemplate/errors.py**. The package makes three names available: `render`, `register` and
`TemplateError`.

`render(template, values)` returns the text of a template with values from a dict:

- `{{ path }}` stands for a value, converted by `str`. A path is a name, or several joined by dots, which leads
  through nested dicts. `{{ path | filter | filter }}` applies filters from left to right before that. There are
  `upper`, `trim` (without the white space around; both make a text of the value first) and `count` (the length);
  `register(name, function)` adds another one, or replaces it.
- `{% for name in path %}…{% end %}` repeats what is inside for each item of a list. There `name` stands for the item,
  and hides a value of the same name; after the block it does so no more.
- `{% if path %}…{% else %}…{% end %}` has its usual meaning, and `{% else %}` may be missing. A value counts as in
  Python; one that is not there counts as false.
- Blocks may hold other blocks. White space just inside a tag's braces is optional. All other text stays as it is,
  character by character; a single `{` or `%}` is text.

`TemplateError`, an exception, has the attribute `line`, the number (from 1) of the line on which the tag begins: for
a value that is not there (but in `if`), an unknown filter or tag, an `else` or `end` that belongs to no block, and a
`{{` or `{%` that is never closed; for a block without its `end`, that of its first tag. A template has at most one of
these faults.
""",
    reference=TINYTEMPLATE,
    wrong=[
        {
            "content": TINYTEMPLATE.replace(
                'template.count("\\n", 0, tag.start()) + 1', 'template.count("\\n", 0, tag.end())'
            ),
            "points": 3,
        },
        TINYTEMPLATE.replace("{**values, self.name: item}", "{self.name: item, **values}"),
        {
            "content": TINYTEMPLATE.replace(
                "    if open_blocks:\n        raise TemplateError(open",
                "    if False:\n        raise TemplateError(open",
            ),
            "points": 3,
        },
        TINYTEMPLATE.replace("for name in self.filters:", "for name in self.filters[::-1]:"),
        TINYTEMPLATE.replace(
            "        values = values[name]\n",
            "        values = values.get(name)\n        if values is None:\n            raise KeyError(path)\n",
        ),
        (
            "```python\n# tinytemplate/__init__.py\ndef render(template, values):\n"
            "    for name, value in values.items():\n"
            "        template = template.replace('{{ ' + name + ' }}', str(value))\n    return template\n```"
        ),
    ],
)
def test_template_package(reply, sandbox, score):
    """A small language over several modules; the oracle makes templates and their texts side by side."""
    candidate = sandbox.load(reply.files(), "tinytemplate")
    candidate.define(USED)
    assert candidate.render("", {}) == ""
    boats = {"boats": [{"name": "Gull", "crew": 2}, {"name": "Tern", "crew": 0}], "port": " kiel "}
    text = "{% for boat in boats %}{{ boat.name }}:{%if boat.crew%}{{boat.crew}}{% else %}none{%end%} {% end %}"
    assert candidate.render(text + "{{ port | trim | upper }}{{boats|count}}", boats) == "Gull:2 Tern:none KIEL2"
    assert candidate.render("{% for port in boats %}{{ port.crew }}{% end %}{{ port }}", boats) == "20 kiel "
    assert candidate._with_filter("mark", "*", "{{ port | trim | mark | upper }}", boats) == "*KIEL*"
    assert candidate._with_filter("x", "*", "{{ port | upper | x | trim | x }}", {"port": " é\n"}) == "** É\n**"
    rng = random.Random(63)
    for _ in range(60):
        values = {
            "a": rng.choice([0, 1, " x ", None]),
            "b": rng.choice(["", "sea", 2.5, "{{a}}"]),
            "all": {"list": ["p", 0, " q"][: rng.randint(0, 3)]},
        }
        template, make = template_of(rng, ["a", "b"])
        made = make(values)
        assert candidate.render(template, values) == made
    score.award(3, note="texts")
    faults = {
        "a\n{{ sea }}": 2,
        "{{ port.name }}": 1,
        "{{ port }}\n {{ port | loud }}": 2,
        "\n\n{% while port %}{% end %}": 3,
        "{% for x in port %}\n{% else %}\n{% end %}": 2,
        "\n{% if port %}{% else %}\n{% else %}{% end %}": 3,
        "{{ port }}\n{% end %}": 2,
        "\n{% if port %}\n{% for x in port %}\n{{ x }}{% end %}": 2,
        "{{ port }}\n{{ port ": 2,
        "{% if port %}\n{% end %}\n\n{% for x in": 4,
        "{% for x in sea %}{% end %}": 1,
    }
    for template, line in faults.items():
        assert candidate._error_line(template, {"port": "kiel"}) == line
    score.award(2, note="errors")
