"""Whether green is healthy: pass, fail, or hold, which is what is said while nothing is known."""

from .judge import judge
from .limits import Limits
from .observations import Mirrored, Observation, Window
from .verdict import Finding, Outcome, Verdict

__all__ = ["Finding", "Limits", "Mirrored", "Observation", "Outcome", "Verdict", "Window", "judge"]
