"""The portal. In a checkout its small packages need no installation: who imports the portal finds them beside it."""

import sys
from pathlib import Path

for _project in sorted(Path(__file__).resolve().parents[1].glob("packages/*/pyproject.toml")):
    if str(_project.parent) not in sys.path:
        sys.path.append(str(_project.parent))
