"""How much of a sweep is done: a sample by a seed, or with BAILIWICK_SWEEPS=all every point.

The seed is BAILIWICK_SEED or else the commit's own: a commit has the same tests wherever it is tested, so what was
seen to pass is what is passed again, and the next commit looks at other points.
"""

import os
import subprocess
from pathlib import Path

WHOLE = os.environ.get("BAILIWICK_SWEEPS") == "all"


def _of_the_commit() -> int:
    here = Path(__file__).parent
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    return int(found.stdout[:8] or "0", 16) % 10**6 + 1


SEED = int(os.environ.get("BAILIWICK_SEED") or _of_the_commit())
