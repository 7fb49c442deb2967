"""A README's fenced blocks, the commands in them, and whether what was printed is what a block says is printed."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?"
FIGURE = re.compile(rf"(?<![\w.])({NUMBER})(?: ?\(({NUMBER})–({NUMBER})\))?(?!\w)")


class Block(NamedTuple):
    """A fenced block: its language, its text, and the line of the file on which the text begins."""

    language: str
    text: str
    line: int


class Command(NamedTuple):
    """A shell command as it stands, with what it continues over, and the line on which it begins."""

    text: str
    line: int

    @property
    def bare(self) -> str:
        """The command on one line, without the comment behind it; a here-document as it stands."""
        if "<<" in self.text:
            return self.text
        return re.sub(r"\s+#\s.*$", "", re.sub(r"\s*\\\n\s*", " ", self.text)).strip()


class Figure(NamedTuple):
    """A printed figure and its interval, if it has one; `digit` is what one in the last digit is worth."""

    value: float
    interval: tuple[float, float] | None
    digit: float

    def agrees(self, other: "Figure", share: float = 0.0) -> bool:
        """Each within the other's interval; without one, equal; up to one in the last digit and a share of itself.

        Whole numbers without an interval are counts or settings: equal, if no share is allowed.
        """
        if (self.interval is None) != (other.interval is None):
            return False
        slack = max(self.digit, other.digit) + share * max(abs(self.value), abs(other.value))
        if self.interval is None or other.interval is None:
            if self.digit == other.digit == 1 and not share:
                return self.value == other.value
            return abs(self.value - other.value) <= slack * (1 + 1e-9)
        return all(
            low - slack <= value <= high + slack
            for value, (low, high) in ((self.value, other.interval), (other.value, self.interval))
        )


def fenced_blocks(text: str) -> list[Block]:
    return [Block(found[1], found[2], text.count("\n", 0, found.start(2)) + 1) for found in FENCED.finditer(text)]


def commands(block: Block) -> Iterator[Command]:
    """One after another, each with its continued lines or its here-document."""
    taken: list[str] = []
    until = None
    for at, line in enumerate(block.text.splitlines(), block.line):
        taken.append(line)
        here = re.search(r"<<\s*'?(\w+)'?", line) if until is None else None
        until = here[1] if here else until
        if line == until or (until is None and not line.endswith("\\")):
            yield Command("\n".join(taken), at - len(taken) + 1)
            taken, until = [], None
    if taken:
        raise ValueError(f"line {block.line}: the last command of the block has no end.")


def words_and_figures(line: str) -> tuple[str, list[Figure]]:
    found = []
    for value, *ends in FIGURE.findall(line):
        printed = [number.replace(",", "") for number in (value, *ends) if number]
        digit = min(10.0 ** -len(number.partition("e")[0].partition(".")[2]) for number in printed)
        numbers = [float(number) for number in printed]
        found.append(Figure(numbers[0], (numbers[1], numbers[2]) if len(numbers) == 3 else None, digit))
    return " ".join(FIGURE.sub("#", line).split()), found


def deviations(said: Block, printed: str, share: float = 0.0) -> list[str]:
    """What is said and was not printed: its line, expected and printed; at the end the lines to put in its place.

    Lines may be left out ("among other lines"); those said stand in the order in which they were printed.
    """
    wrong, instead, at = [], [], 0
    lines = printed.splitlines()
    for number, line in enumerate(said.text.splitlines(), said.line):
        if not line.strip():
            instead.append(line)
            continue
        words, figures = words_and_figures(line)
        found = next((n for n in range(at, len(lines)) if words_and_figures(lines[n])[0] == words), None)
        if found is None:
            wrong.append(f"README.md:{number}: no such line was printed.\n  expected {line}")
            continue
        instead.append(lines[found])
        at = found + 1
        pairs = zip_longest(figures, words_and_figures(lines[found])[1])
        if not all(expected.agrees(got, share) for expected, got in pairs):
            wrong.append(f"README.md:{number}: a figure is off.\n  expected {line}\n  printed  {lines[found]}")
    if wrong:
        whole = len(instead) == len(said.text.splitlines())
        wrong.append("printed, to put in its place:\n" + ("\n".join(instead) if whole else printed))
    return wrong
