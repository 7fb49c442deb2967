"""The README's blocks run in order in one fresh folder, and print what it says they print.

Where this fails, it names the line of the README and prints what to put in its place.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from readme_blocks import Block, Command, commands, deviations, fenced_blocks

ROOT = Path(__file__).parents[1]

# Of a clone, what the blocks name. Copied, so that no command writes into the checkout.
CLONED = ("studies",)

# What does not run as it stands: what runs instead, and why. A block whose output the README shows runs as it stands.
IN_A_VENV = "python3 -m venv .venv && . .venv/bin/activate && pip install"
REPLACED = {
    f"{IN_A_VENV} . && ": ("", "installed already, else no test would run; what follows runs"),
    f"{IN_A_VENV} '.[test]' && pytest -n auto": ("", "these are the tests"),
    "rampjax bench": ("", "half a minute of compiling, and no rate is compared; tests/bench times in short"),
    "rampjax study run ": (
        "rampjax study run --samples 512 --set design.bits=4 ",
        "36 points of 512, not 216 of 20 000 chips",
    ),
    "rampjax yield ": ("rampjax yield --samples 512 ", "not 20 000 chips"),
    "rampjax solve gelu ": ("rampjax design gelu ", "the next block solves in full, the one in Python in short"),
    "n_samples=100_000": ("n_samples=512", "not 100 000 chips"),
    'inputs="normal:0:1")': (
        'inputs="normal:0:1", starts=1, iterations=20)',
        "a search of 20 steps, not of 8 times 300",
    ),
    "n_spare=4))))": ("n_spare=4))), n_samples=256)", "not 20 000 arrays of 132 columns"),
}

# Commands that search: an interval is over the chips that score the answer, not over answers, and another machine's
# last bits lead the search elsewhere (compiled without AVX: noise 0.4 % larger). This share is allowed beside it.
SEARCHES = {"rampjax solve": 0.01}

# Where these are absent, what needs them is left out.
TOOLS = {
    "ngspice": (re.compile(r"ngspice -b|spice check|--spice"), shutil.which("ngspice") is not None),
    "PyTorch": (re.compile(r"^import torch$", re.MULTILINE), importlib.util.find_spec("torch") is not None),
}

# Beside the PyTorch example: outside the range no slope, inside that of the function, whatever the steps are.
SLOPES = """
at = torch.tensor([-4.5, 0.3, 4.5], requires_grad=True)
chips[0](at).sum().backward()
smooth = torch.tensor(0.3, requires_grad=True)
gelu(smooth).backward()
print("slopes:", at.grad.tolist() == [0.0, smooth.grad.item(), 0.0])
"""


def trained(out: str) -> bool:
    """Whether the PyTorch example has the table's codes and the function's slopes, and learns."""
    errors = [float(error) for error in re.findall(r"mean squared error (\S+)", out)]
    right = "codes equal: True" in out and "slopes: True" in out
    return right and len(errors) == 2 and errors[1] < 0.2 * errors[0]


def absent(text: str) -> list[str]:
    return [tool for tool, (needed, there) in TOOLS.items() if needed.search(text) and not there]


class Folder:
    """A fresh folder in which blocks run, and what came of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in CLONED:
            shutil.copytree(ROOT / name, path / name)
        scripts = sysconfig.get_path("scripts")  # `rampjax` and `python3` of the environment that the tests run in
        self.environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
        # Where the README shows figures, kernels are compiled as a user's are, not as the tests' are.
        self.as_shipped = {name: value for name, value in self.environment.items() if name != "XLA_FLAGS"}
        self.failures: list[str] = []
        self.left_out: list[str] = []
        self.used: set[str] = set()

    def call(self, line: int, command: list[str], *, shown: bool) -> str:
        """Runs a command, and notes it where it fails; what it printed on stdout."""
        done = subprocess.run(
            command,
            check=False,
            cwd=self.path,
            env=self.as_shipped if shown else self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if done.returncode != 0:
            shown = f"{command[-1]}\n{done.stdout}{done.stderr}"
            self.failures.append(f"README.md:{line}: status {done.returncode}, expected 0, of {shown}")
        return done.stdout

    def short(self, text: str) -> str:
        for stands, (instead, _) in REPLACED.items():
            if stands in text:
                self.used.add(stands)
                text = text.replace(stands, instead)
        return text

    def shell(self, command: Command, *, shown: bool) -> str:
        text = command.bare if shown else self.short(command.bare)
        return self.call(command.line, ["bash", "-e", "-o", "pipefail", "-c", text], shown=shown) if text else ""

    def python(self, block: Block, *, shown: bool) -> str:
        script = self.path / f"line_{block.line}.py"
        pytorch = bool(TOOLS["PyTorch"][0].search(block.text))
        script.write_text((block.text if shown else self.short(block.text)) + SLOPES * pytorch, encoding="utf-8")
        out = self.call(block.line, [sys.executable, "-W", "error", script.name], shown=shown)
        if pytorch and not trained(out):
            self.failures.append(
                f"README.md:{block.line}: expected equal codes, right slopes, an error that falls:\n{out}"
            )
        return out

    def run(self, block: Block, *, shown: bool) -> str | None:
        """Runs a block; what it printed, or nothing where a tool is absent."""
        parts = list(commands(block)) if block.language == "sh" else [Command(block.text, block.line)]
        missing = {part: absent(part.text) for part in parts}
        self.left_out += [f"README.md:{part.line} ({', '.join(tools)})" for part, tools in missing.items() if tools]
        if block.language == "python":
            return None if any(missing.values()) else self.python(block, shown=shown)
        printed = [self.shell(part, shown=shown) for part in parts if not missing[part]]
        return None if any(missing.values()) else "".join(printed)


def share(block: Block) -> float:
    """By how much of themselves figures of this block may be off."""
    parts = commands(block) if block.language == "sh" else ()
    searched = [off for part in parts for begins, off in SEARCHES.items() if part.bare.startswith(begins)]
    return max(searched, default=0.0)


def test_the_blocks_run_and_print_what_is_said(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    said = fenced_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {block.language for block in said} <= {"sh", "python", "text"}
    for block, after in zip(said, [*said[1:], None], strict=True):
        if block.language == "text":
            assert after is None or after.language != "text", f"README.md:{after.line}: which block printed this?"
            continue
        shown = after if after is not None and after.language == "text" else None
        printed = folder.run(block, shown=shown is not None)
        if shown is not None and printed is not None:
            folder.failures += deviations(shown, printed, share(block))
    folder.failures += [f"REPLACED has what README.md has not: {unused}" for unused in REPLACED.keys() - folder.used]
    assert not folder.failures, "\n\n".join(folder.failures)
    if folder.left_out:
        pytest.skip("all else ran; not installed is what these need: " + ", ".join(folder.left_out))


SAID = """mean worst INL (LSB)   1.557 (1.454–1.66)  0.3278 (0.324–0.3316)
chips within 0.5 LSB (%)       56 (54–57)        89.8 (88.9–90.8)
ideal                                0.00003     0 of 211
"""


def printed_instead(old: str, new: str) -> list[str]:
    assert old in SAID
    return deviations(Block("text", SAID, 63), f"a line before\n{SAID.replace(old, new)}written: out\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.3278", "0.3278"),
        ("0.3278 (0.324–0.3316)", "0.3301 (0.3263–0.3339)"),  # each in the other's interval
        ("0.00003", "0.00004"),  # one in the last digit
        ("ideal      ", "ideal"),
    ],
)
def test_what_agrees(old: str, new: str) -> None:
    assert printed_instead(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("0.3278 (0.324–0.3316)", "0.3031 (0.2995–0.3067)", 63),
        ("0.3278 (0.324–0.3316)", "0.3278", 63),
        ("89.8 (88.9–90.8)", "92.4 (91.5–93.2)", 64),
        ("within 0.5 LSB", "within 1.0 LSB", 64),
        ("0.00003", "0.00005", 65),
        ("0 of 211", "1 of 211", 65),
        ("ideal", "all together", 65),
    ],
)
def test_what_is_off(old: str, new: str, line: int) -> None:
    wrong, instead = printed_instead(old, new)
    assert wrong.startswith(f"README.md:{line}: ")
    assert new in instead


def test_a_search_may_end_elsewhere() -> None:
    said = Block("text", "noise 0.6807 (0.6807–0.6807)\n", 1)
    assert deviations(said, "noise 0.6836 (0.6836–0.6836)") != []
    assert deviations(said, "noise 0.6836 (0.6836–0.6836)", SEARCHES["rampjax solve"]) == []
    assert deviations(said, "noise 0.6936 (0.6936–0.6936)", SEARCHES["rampjax solve"]) != []


def test_commands_with_what_continues_them() -> None:
    block = Block("sh", "one \\\n    --two  # three\ncat > it <<'EOF'\n# four\nEOF\ncheck  # it\n", 5)
    found = list(commands(block))
    assert [command.bare for command in found] == ["one --two", "cat > it <<'EOF'\n# four\nEOF", "check"]
    assert [command.line for command in found] == [5, 7, 10]
    with pytest.raises(ValueError, match=r"line 5: the last command .* no end"):
        list(commands(Block("sh", "one \\\n", 5)))
