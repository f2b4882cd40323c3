"""Programs that read standard input and write standard output: they are run, what they print is compared outside."""

import math
import random
from pathlib import Path

import pytest_polecat as polecat

SUITE = polecat.SuiteHeader.model_validate_json(Path(__file__).with_name("suite.json").read_text("utf-8"))
REFERENCES = Path(__file__).with_name("references")


def printed(sandbox, program, lines):
    """The lines that a program prints, and its exit status."""
    text = "".join(line + "\n" for line in lines)
    done = sandbox.run(["python3", "main.py"], files={"main.py": program}, stdin=text, timeout=5)
    return [line.rstrip() for line in done.stdout.decode(errors="replace").rstrip().split("\n")], done.status


REGATTA = (REFERENCES / "regatta.py").read_text("utf-8")


@polecat.question(
    id="regatta-results",
    tier=1,
    points=2,
    prompt="""\
Write a Python program that reads the results of a regatta from standard input and prints the ranking.

Each line of the input holds a boat's name (which may contain spaces), a space, and its time in minutes and seconds,
such as `Old Gull 12:07`. For each boat print a line with its place, name, time, and after a plus how far it is behind
the best time:

1. Tern 9:58
2. Old Gull 12:07 +2:09

Boats with the best time have no plus. Boats with the same time have the same place, and stand in alphabetical order;
the places after them are left out (1, 1, 3). Minutes have no leading zero, and seconds always two digits.
""",
    reference=REGATTA,
    wrong=[
        REGATTA.replace('line.strip().rpartition(" ")', 'line.strip().partition(" ")'),
        REGATTA.replace("if number == 0 or time != boats[number - 1][0]:", "if True:"),
        REGATTA.replace("{seconds % 60:02}", "{seconds % 60}"),
        REGATTA.replace("boats.sort()", "boats.sort(key=lambda boat: shown(boat[0]))"),
    ],
)
def test_regatta_results(reply, sandbox):
    """Reading, sorting with ties, and writing."""
    program = reply.code("python")
    assert printed(sandbox, program, ["Old Gull 12:07", "Tern 9:58"])[0] == ["1. Tern 9:58", "2. Old Gull 12:07 +2:09"]
    rng = random.Random(71)
    for _ in range(2):
        names = ["Tern", "Old Gull", "Auk", "Sea 2 See", "Eider", "Puffin", "Knot", "Ruff"]
        seconds = {name: rng.choice([545, 599, 605, 605, 3600, 3661, 719]) for name in rng.sample(names, 7)}
        times = {name: f"{time // 60}:{time % 60:02}" for name, time in seconds.items()}
        expected = []
        for name in sorted(seconds, key=lambda each: (seconds[each], each)):
            behind = seconds[name] - min(seconds.values())
            place = 1 + sum(time < seconds[name] for time in seconds.values())
            expected.append(f"{place}. {name} {times[name]}" + (f" +{behind // 60}:{behind % 60:02}" if behind else ""))
        assert printed(sandbox, program, [f"{name} {time}" for name, time in times.items()])[0] == expected


PRESENCE = (REFERENCES / "presence.py").read_text("utf-8")


@polecat.question(
    id="night-shifts",
    tier=2,
    points=3,
    prompt="""\
Write a Python program that reads the log of a door from standard input and prints how long everybody was inside.

Each line of the log has a time (`HH:MM`), the word `in` or `out`, and a name without spaces, such as `22:15 in mara`.
The lines come in the order in which it happened, over several days. Nobody stays for 24 hours or more: so who comes
at 22:15 and goes at 06:00 was there for 7:45. Empty lines mean nothing.

For each name in the log, sorted, print the name and the total time as hours and minutes, such as `mara 7:45`. An `in`
of somebody who is inside and an `out` of somebody who is not are ignored (the first `in` counts), and so is an `in`
without an `out` after it. In the line of whoever has such a fault, ` ?` follows the time.
""",
    reference=PRESENCE,
    wrong=[
        PRESENCE.replace(" % (24 * 60)", ""),
        PRESENCE.replace("unclear |= present.keys()\n", ""),
        PRESENCE.replace('what == "in" and name not in present', 'what == "in"'),
        PRESENCE.replace("    total.setdefault(name, 0)\n", "").replace(
            "total[name] +=", "total[name] = total.get(name, 0) +"
        ),
    ],
)
def test_night_shifts(reply, sandbox):
    """A log with gaps; the oracle looks at one person after the other, in minutes since the first day."""
    program = reply.code("python")
    log = ["22:15 in mara", "23:00 in ben", "", "06:00 out mara", "07:00 in ben", "08:30 out ben", "08:31 out cleo"]
    assert printed(sandbox, program, log)[0] == ["ben 9:30 ?", "cleo 0:00 ?", "mara 7:45"]
    rng = random.Random(72)
    for _ in range(2):
        log, expected, events = [], [], []
        for name in rng.sample(["ada", "bo", "cy", "di", "Ed", "flo", "gus"], 6):
            now, total, faulty = rng.randint(0, 1400), 0, rng.random() < 0.5
            for _ in range(rng.randint(1, 5)):
                stay = rng.randint(1, 1439)
                events += [(now, "in", name), (now + stay, "out", name)]
                if faulty:
                    events += rng.choice([[(now + 0.5, "in", name)], [(now + stay + 0.5, "out", name)]])
                total += stay
                now += stay + rng.randint(1, 3000)
            if not faulty and rng.random() < 0.4:
                events.append((now, "in", name))
                faulty = True
            expected.append(f"{name} {total // 60}:{total % 60:02}" + " ?" * faulty)
        log = [f"{int(at) // 60 % 24:02}:{int(at) % 60:02} {what} {name}" for at, what, name in sorted(events)]
        assert printed(sandbox, program, log)[0] == sorted(expected)


MACHINE = (REFERENCES / "machine.py").read_text("utf-8")

FACTORIAL = """\
push {n}
call fact  # of the top
print
halt

fact:
  dup
  push 1
  sub
  jumpif deeper
  return
deeper:
  dup
  push 1
  sub
  call fact
  mul
  return
"""


def straight_program(rng):
    """A random program without jumps, and what it prints."""
    lines, stack, expected = [], [], []
    for number in range(150):
        choice = rng.choice(["push", "add", "sub", "mul", "dup", "swap", "drop", "print", "note"])
        if choice == "note":
            lines.append(rng.choice(["", "  # push 1", f"here{number}:", f"  there{number}:  # add"]))
        elif choice == "push" or len(stack) < 2:
            stack.append(rng.randint(-9, 99))
            lines.append(f"  push {stack[-1]}")
        else:
            lines.append(choice + rng.choice(["", " # print"]))
            *rest, low, top = stack
            after = {
                "add": [low + top],
                "sub": [low - top],
                "mul": [low * top],
                "swap": [top, low],
                "dup": [low, top, top],
                "drop": [low],
                "print": [low],
            }
            stack = [*rest, *after[choice]]
            expected += [str(top)] if choice == "print" else []
    return lines, expected


@polecat.question(
    id="stack-machine",
    tier=3,
    points=5,
    prompt="""\
Write a Python program that reads the program of a stack machine from standard input and runs it. Each line holds at
most one instruction or one label. From a `#` on, a line is a comment; spaces at its start and empty lines mean
nothing.

- `push N` puts an int on the stack (N may be negative). `drop` takes the top away, `dup` doubles it, `swap` exchanges
  the two topmost. `add`, `sub` and `mul` replace the two topmost by their sum, difference (the lower one minus the
  top) or product.
- `print` takes the top away and prints it on a line of its own.
- `name:` is a label. `jump name` goes on after it; `jumpif name` takes the top away and does so only if that is not 0.
- `call name` does so too, and a later `return` goes on after that `call`; calls may be nested.
- `halt` ends the program, as does its last line. The exit status is then 0.

Before anything is run, the program is looked through: an unknown instruction, or a jump or call to a label that does
not exist, is a fault. While it runs, an instruction that finds too few values on the stack, and a `return` without a
`call`, is one. For the first fault (in the order of the lines while it is looked through) print `fault in line N`,
with the number of its line from 1, and end with the exit status 1. If a program has not ended after 10,000
instructions, print `endless` and end with the exit status 1. What was printed before stays. Labels are no
instructions.
""",
    reference=MACHINE,
    wrong=[
        {"content": MACHINE.replace("sys.exit(1)", "sys.exit(0)"), "points": 3},
        MACHINE.replace("first - second", "second - first"),
        {"content": MACHINE.replace("or (words[0] in NAMING and words[1] not in labels)", ""), "points": 3},
        MACHINE.replace("            calls.append(at)\n", "            calls[:] = [at]\n"),
        {"content": MACHINE.replace("STEPS = 10_000", "STEPS = 9_999"), "points": 3},
        {"content": MACHINE.replace("STEPS = 10_000", "STEPS = 10_001"), "points": 3},
        {"content": MACHINE.replace("    if at < len(program):\n", "    if True:\n"), "points": 3},
    ],
)
def test_stack_machine(reply, sandbox, score):
    """An interpreter: subroutines, faults and limits."""
    program = reply.code("python")
    rng = random.Random(73)
    lines, expected = straight_program(rng)
    assert printed(sandbox, program, lines) == (expected, 0)
    number = rng.randint(12, 25)
    factorial = FACTORIAL.format(n=number).split("\n")
    assert printed(sandbox, program, factorial) == ([str(math.factorial(number))], 0)
    score.award(3, note="what runs")
    counting = ["push 3", "loop:", "dup", "print", "push 1", "sub", "dup", "jumpif loop"]
    faults = {
        "fault in line 9": [*counting, "jump nowhere", "print", "print"],
        "fault in line 3": ["push 1", "print", "pull 2", "jump nowhere"],
        "3 2 1 fault in line 11": [*counting, "", "# the end", "add"],
        "7 fault in line 5": ["# none was called", "push 7", "print", "halting:", "return"],
        "5 endless": ["push 5", "print", "loop:", "push 2", "drop", "jump loop"],
    }
    for expected, lines in faults.items():
        told, status = printed(sandbox, program, lines)
        assert (" ".join(told), status) == (expected, 1)
    lines = ["push 7", "print", *["push 1"] * 9_998]
    assert printed(sandbox, program, [*lines, "end:"]) == (["7"], 0)
    assert printed(sandbox, program, [*lines, "halt"]) == (["7", "endless"], 1)
    score.award(2, note="faults")
