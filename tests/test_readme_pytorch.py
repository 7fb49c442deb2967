"""The README's PyTorch example runs as it stands: the converter as an activation has the table's codes, and trains."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"

# Beside the example: outside the range no slope, inside that of the function, whatever the steps are.
SLOPES = """
at = torch.tensor([-4.5, 0.3, 4.5], requires_grad=True)
chips[0](at).sum().backward()
smooth = torch.tensor(0.3, requires_grad=True)
gelu(smooth).backward()
print("slopes:", at.grad.tolist() == [0.0, smooth.grad.item(), 0.0])
"""


def pytorch_examples(text: str) -> list[str]:
    blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "import torch" in block]


def test_the_pytorch_example_runs(tmp_path: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    examples = pytorch_examples(README.read_text(encoding="utf-8"))
    if not examples:
        pytest.skip("README.md has no example of PyTorch")
    (example,) = examples
    (tmp_path / "example.py").write_text(example + SLOPES, encoding="utf-8")
    command = [sys.executable, "-W", "error", "example.py"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "codes equal: True" in done.stdout
    assert "slopes: True" in done.stdout
    errors = [float(error) for error in re.findall(r"mean squared error (\S+)", done.stdout)]
    assert len(errors) == 2
    assert errors[1] < 0.2 * errors[0]
