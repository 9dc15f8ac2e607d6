"""Arrays one after the other in one file, and the JSON that says where each lies."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

FIXTURES = Path(__file__).resolve().parents[2] / "tests/fixtures/reference"

Reference = dict[str, Any]


class Arrays:
    """Collects arrays of one type; equal ones are kept once."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self.dtype = dtype
        self.parts: list[np.ndarray] = []
        self.length = 0
        self.known: dict[str, int] = {}

    def add(self, array: torch.Tensor | np.ndarray) -> Reference:
        if isinstance(array, torch.Tensor):
            array = array.detach().numpy()
        if array.dtype != self.dtype:
            raise TypeError(f"{array.dtype} is not {self.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError("not finite")
        flat = np.ascontiguousarray(array).reshape(-1)
        digest = hashlib.sha256(flat.tobytes()).hexdigest()
        if digest not in self.known:
            self.known[digest] = self.length
            self.parts.append(flat)
            self.length += flat.size
        return {"at": self.known[digest], "shape": list(array.shape)}

    def save(self, path: Path) -> None:
        np.save(path, np.concatenate(self.parts) if self.parts else np.zeros(0, self.dtype))


def write(path: Path, head: dict[str, Any] | None, cases: list[Any]) -> None:
    """One case a line, so that changes can be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = lambda value: json.dumps(value, ensure_ascii=True, allow_nan=False)
    lines = ",\n".join(line(case) for case in cases)
    if head is None:
        path.write_text(f"[\n{lines}\n]\n")
    else:
        opening = "".join(f'{line(key)}: {line(value)},\n' for key, value in head.items())
        path.write_text(f'{{{opening}"cases": [\n{lines}\n]}}\n')
