"""Coding tasks of HumanEval's size: a reply with a function of 10 to 25 lines, and eight calls with their answers.

Made up here, the same each time: seven functions whose constant is another one in each task.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_CALLS = 8


@dataclass(frozen=True)
class Task:
    """A model's reply, the name of the function that it defines, and what that returns: pairs of arguments, answer."""

    reply: str
    function: str
    calls: list[tuple[list[Any], Any]]


def make_tasks(count: int) -> list[Task]:
    """So many tasks, no two alike."""
    return [_task(number) for number in range(count)]


def _task(number: int) -> Task:
    name, source, arguments = _KINDS[number % len(_KINDS)]
    source = source.replace("CONSTANT", str(2 + number // len(_KINDS))).strip()
    known: dict[str, Any] = {}
    exec(source, known)
    chance = random.Random(number)
    given = [arguments(chance) for _ in range(_CALLS)]
    reply = f"Here is a function that does it:\n\n```python\n{source}\n```\n\nIt takes time linear in its input."
    return Task(reply, name, [(each, known[name](*each)) for each in given])


def _numbers(chance: random.Random) -> list[int]:
    return [chance.randint(-99, 99) for _ in range(chance.randint(0, 20))]


def _words(chance: random.Random) -> str:
    return " ".join("".join(chance.choices("abcdeXYZ", k=chance.randint(1, 9))) for _ in range(chance.randint(1, 9)))


_RUNS = """
from typing import List, Tuple


def long_runs(numbers: List[int], divisor: int) -> List[Tuple[int, int]]:
    \"\"\"The remainders that follow each other at least twice, with the length of each run.

    >>> long_runs([3, 5, 4], 2)
    [(1, 2)]
    \"\"\"
    runs = []
    last, length = None, 0
    for number in numbers + [None]:
        remainder = None if number is None else (number + CONSTANT) % divisor
        if remainder == last:
            length += 1
            continue
        if length >= 2:
            runs.append((last, length))
        last, length = remainder, 1
    return runs
"""

_WINDOW = """
from collections import deque


def window_maxima(numbers, step):
    \"\"\"The largest of each CONSTANT neighbours, in steps.\"\"\"
    window = deque()
    maxima = []
    for index, number in enumerate(numbers):
        while window and numbers[window[-1]] <= number:
            window.pop()
        window.append(index)
        if window[0] <= index - CONSTANT:
            window.popleft()
        if index >= CONSTANT - 1:
            maxima.append(numbers[window[0]])
    return maxima[::step]
"""

_GROUPS = """
def words_by_size(text: str, lower: bool) -> dict:
    \"\"\"The words of a text by their length, those beyond CONSTANT letters together, in order of the alphabet.\"\"\"
    groups = {}
    for word in text.split():
        if lower:
            word = word.lower()
        size = min(len(word), CONSTANT)
        groups.setdefault(size, []).append(word)
    for words in groups.values():
        words.sort()
    return groups
"""

_SHIFT = """
import string


def shifted(text: str, back: bool = False) -> str:
    \"\"\"Every letter moved on by CONSTANT in the alphabet.\"\"\"
    moved = []
    for letter in text:
        for alphabet in (string.ascii_lowercase, string.ascii_uppercase):
            if letter in alphabet:
                place = alphabet.index(letter)
                place += -CONSTANT if back else CONSTANT
                moved.append(alphabet[place % 26])
                break
        else:
            moved.append(letter)
    return "".join(moved)
"""

_FACTORS = """
import math


def factors(number: int, exponents: bool):
    \"\"\"The prime factors of a number times CONSTANT.\"\"\"
    left = number * CONSTANT
    found = {}
    divisor = 2
    while divisor <= math.isqrt(left):
        while left % divisor == 0:
            found[divisor] = found.get(divisor, 0) + 1
            left //= divisor
        divisor += 1 if divisor == 2 else 2
    if left > 1:
        found[left] = found.get(left, 0) + 1
    return found if exponents else sorted(found)
"""

_SPIRAL = """
def spiral(rows: int, columns: int) -> list:
    \"\"\"The numbers of a table, counted up by CONSTANT, in a spiral from its corner.\"\"\"
    table = [[CONSTANT * (row * columns + column) for column in range(columns)] for row in range(rows)]
    walked = []
    while table:
        walked.extend(table.pop(0))
        if table and table[0]:
            for row in table:
                walked.append(row.pop())
        if table:
            walked.extend(table.pop()[::-1])
        if table and table[0]:
            for row in table[::-1]:
                walked.append(row.pop(0))
    return walked
"""

_MEANS = """
from typing import List, Optional


def trimmed_mean(numbers: List[float], places: int) -> Optional[float]:
    \"\"\"The mean without what is more than CONSTANT mean deviations away from it; None for no numbers.\"\"\"
    if not numbers:
        return None
    mean = sum(numbers) / len(numbers)
    deviation = sum(abs(number - mean) for number in numbers) / len(numbers)
    kept = [number for number in numbers if abs(number - mean) <= deviation * CONSTANT]
    return round(sum(kept) / len(kept), places)
"""

_KINDS: tuple[tuple[str, str, Callable[[random.Random], list[Any]]], ...] = (
    ("long_runs", _RUNS, lambda chance: [_numbers(chance), chance.randint(2, 4)]),
    ("window_maxima", _WINDOW, lambda chance: [_numbers(chance), chance.randint(1, 3)]),
    ("words_by_size", _GROUPS, lambda chance: [_words(chance), chance.random() < 0.5]),
    ("shifted", _SHIFT, lambda chance: [_words(chance), chance.random() < 0.5]),
    ("factors", _FACTORS, lambda chance: [chance.randint(1, 9999), chance.random() < 0.5]),
    ("spiral", _SPIRAL, lambda chance: [chance.randint(1, 5), chance.randint(1, 5)]),
    ("trimmed_mean", _MEANS, lambda chance: [_numbers(chance), chance.randint(0, 3)]),
)
