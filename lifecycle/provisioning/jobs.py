"""The kinds of provisioning jobs: which steps, in which order."""

from portal.jobs.kinds import JobKind, StepDef

from .steps import activate, apply, champion, confirm, initialise, manual, nightly, open_case, plan, rollback, validate

RESOURCES = "resources"

PLAN = JobKind(
    name="provision.plan",
    title="Plan a tenant",
    resource_class=RESOURCES,
    steps=[
        StepDef("plan", "Make the plan", plan.plan, eta_seconds=3, lease_seconds=60),
        StepDef("ask", "Ask for signatures", open_case.ask, eta_seconds=1),
    ],
)
PROVISION = JobKind(
    name="provision.apply",
    title="Provision a tenant",
    resource_class=RESOURCES,
    steps=[
        StepDef("confirm", "Compare with what was signed", confirm.confirm, eta_seconds=1, lease_seconds=60),
        StepDef("apply", "Create the resources", apply.apply, eta_seconds=4, lease_seconds=60),
        StepDef("manual_setup", "Manual set-up", manual.manual_setup, eta_seconds=1),
        StepDef("initialise", "Hand out credentials", initialise.initialise, eta_seconds=1),
        StepDef("validate", "Validate", validate.validate, eta_seconds=5, lease_seconds=60),
        StepDef("champion", "Champion's acceptance", champion.champion, eta_seconds=1),
        StepDef("activate", "Activate", activate.activate, eta_seconds=1),
    ],
)
ROLL_BACK = JobKind(
    name="provision.roll_back",
    title="Roll back a tenant",
    resource_class=RESOURCES,
    is_cancellable=False,
    steps=[
        StepDef("stop_writers", "Stop all writers", rollback.stop_writers, eta_seconds=1, lease_seconds=60),
        StepDef("confirm_data", "Look for real data", rollback.confirm_data, eta_seconds=1),
        StepDef("empty", "Empty the stores", rollback.empty, eta_seconds=3, lease_seconds=60),
        StepDef("destroy", "Destroy the resources", rollback.destroy, eta_seconds=4, lease_seconds=60, max_attempts=4),
        StepDef("purge", "Remove orphans", rollback.purge, eta_seconds=1, lease_seconds=60),
        StepDef(rollback.FIRST_PASS, "Look everywhere", rollback.sweep_once, eta_seconds=1, lease_seconds=60),
        StepDef(rollback.SECOND_PASS, "Look everywhere again", rollback.sweep_once, eta_seconds=1, lease_seconds=60),
        StepDef("finish", "Conclude", rollback.finish, eta_seconds=1),
    ],
)
VALIDATE = JobKind(
    name="validate",
    title="Validate an active tenant",
    resource_class="validation",
    steps=[StepDef("validate", "Validate", nightly.validate, eta_seconds=5, lease_seconds=60)],
)
