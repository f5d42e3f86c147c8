"""Where things are in a run directory, and small files written whole or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path("src", "stacks", "tenant")
UNSAVED = "errored.tfstate"


def write_json(path: Path, value: Any, mode: int = 0o600) -> None:
    """Replace `path` with `value` as JSON in one step: a reader sees the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            json.dump(value, stream)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """Return the parsed file, or None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
