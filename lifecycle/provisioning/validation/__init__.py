"""Nine checks of a tenant, each with evidence. No Django: everything a check may use is in its Target.

results = run_suite(target, on_result=store_it)
judged = verdict(results)
"""

from lifecycle.provisioning.validation.result import NAMES, CheckResult, Verdict, verdict
from lifecycle.provisioning.validation.suite import run_suite
from lifecycle.provisioning.validation.target import Binding, Target, TokenSource

__all__ = ["NAMES", "Binding", "CheckResult", "Target", "TokenSource", "Verdict", "run_suite", "verdict"]
