"""How much of a sweep is done: a sample by a seed, or with BAILIWICK_SWEEPS=all every point.

The seed is BAILIWICK_SEED or the number below: the same commit has the same tests wherever it is tested, so what was
seen to pass is what is passed again. Another number looks at other points; change it often.
"""

import os

WHOLE = os.environ.get("BAILIWICK_SWEEPS") == "all"
SEED = int(os.environ.get("BAILIWICK_SEED") or 653_442)
