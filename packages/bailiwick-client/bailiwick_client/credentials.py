"""The service's own credential."""

from collections.abc import Callable
from pathlib import Path


def file_token(path: str | Path) -> Callable[[], str]:
    """A token source that reads `path` and notices when the file is replaced.

    Raises OSError when called while the file cannot be read.
    """
    seen: tuple[int, str] | None = None

    def token() -> str:
        nonlocal seen
        changed = Path(path).stat().st_mtime_ns
        if seen is None or seen[0] != changed:
            seen = changed, Path(path).read_text().strip()
        return seen[1]

    return token
