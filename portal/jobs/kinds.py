"""Kinds of jobs as data: which steps in which order, and what undoes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from portal.lib.errors import Invalid

if TYPE_CHECKING:
    from .context import StepContext

Evidence = dict[str, Any]
StepFunc = Callable[["StepContext"], Evidence]
UNDO = ".undo"


@dataclass(frozen=True)
class StepDef:
    """One step. `func` is idempotent: it may be killed at any instruction and run again.

    `lease_seconds` is for a step whose single calls legitimately take longer than the usual lease between heartbeats.
    """

    name: str
    title: str
    func: StepFunc
    eta_seconds: int = 5
    compensation: StepFunc | None = None
    max_attempts: int = 8
    backoff_seconds: float = 2.0
    lease_seconds: float | None = None


@dataclass(frozen=True)
class JobKind:
    """A named list of steps. A failed or cancelled job is undone by another job.

    `on_failed` names the kind of that job; without it, the `compensation` functions of the steps that had begun run
    in reverse; without those, nothing does. `compensate="on_request"` leaves a failed job as it is until a person
    resumes it or asks for the compensation; a cancelled one is compensated at once either way.
    """

    name: str
    steps: Sequence[StepDef]
    title: str = ""
    resource_class: str = ""
    on_failed: str = ""
    compensate: Literal["at_once", "on_request"] = "at_once"
    is_cancellable: bool = True

    def step(self, name: str) -> StepDef | None:
        return next((step for step in self.steps if step.name == name), None)

    @property
    def undoing(self) -> str:
        """The kind that undoes this one, or nothing."""
        if self.on_failed:
            return self.on_failed
        return self.name + UNDO if any(step.compensation for step in self.steps) else ""


def find(name: str) -> JobKind | None:
    """Return the kind `name` of settings.JOB_KINDS; `<kind>.undo` is made from its steps' compensations."""
    if name in settings.JOB_KINDS:
        return _load(name, settings.JOB_KINDS[name])
    undone = find(name.removesuffix(UNDO)) if name.endswith(UNDO) else None
    return _undo_of(undone) if undone else None


def get(name: str) -> JobKind:
    """`find`, or raise Invalid."""
    kind = find(name)
    if kind is None:
        raise Invalid(fields={"kind": f"{name} is not a kind of job"})
    return kind


@cache
def _load(name: str, path: str) -> JobKind:
    kind: JobKind = import_string(path)
    if kind.name != name:
        raise ImproperlyConfigured(f"{path} calls itself {kind.name}, the settings call it {name}")
    return kind


def _undo_of(kind: JobKind) -> JobKind:
    steps = [
        replace(step, func=step.compensation, compensation=None, title=f"Undo: {step.title}")
        for step in reversed(kind.steps)
        if step.compensation
    ]
    return JobKind(
        name=kind.name + UNDO,
        title=f"Undo: {kind.title or kind.name}",
        steps=steps,
        resource_class=kind.resource_class,
        is_cancellable=False,
    )
