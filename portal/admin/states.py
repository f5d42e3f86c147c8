"""Which tone a state is shown in: grey not started, blue running, amber waits for a person, green done, red refused.

The word is always printed beside the colour, so a state missing here is merely grey.
"""

TONES: dict[str, frozenset[str]] = {
    "blue": frozenset(
        "submitted planning provisioning validating running erasing executing verifying rolling_back compensating "
        "retrying unread in_progress started applying update change provisioning_green initial_sync "
        "dual_write_enabled incremental_sync traffic_cutover_started traffic_cutover_complete issuing "
        "listed deleting".split()
    ),
    "amber": frozenset(
        "open pending_approval awaiting_champion awaiting_approval pending_manual_setup waiting suspended held warn "
        "warning overdue due escalated next_you you approval_voided needs_person conditional restricted hold unpriced "
        "cancelling paused delegated replace ended_in_use incomplete warned degraded "
        "legal_hold_blocked retained beyond_use scheduled not_checked".split()
    ),
    "green": frozenset(
        "active approved signed succeeded done completed pass passed resolved current delivered compliant allowed "
        "allow ok create proven healthy committed sent read_back accepted being_tried on_guard within_budget switched "
        "blue_decommissioned issued erased crypto_erased anonymised verified lapsed not_held expired".split()
    ),
    "red": frozenset(
        "rejected failed fail refused refuse blocked rollback_incomplete denied deny error disputed dead p0 critical "
        "delete destroy could_not_run state_suspect orphaned switched_off over_budget unhealthy revoked "
        "not_certifiable".split()
    ),
}
_BY_STATE = {state: tone for tone, states in TONES.items() for state in states}


def tone_of(state: object) -> str:
    """Return grey, blue, amber, green or red for a state's stored value."""
    return _BY_STATE.get(str(state).lower().replace("-", "_").replace(" ", "_"), "grey")


def words_of(state: object) -> str:
    """Return a stored state as words: `pending_approval` reads "pending approval"."""
    return str(state).replace("_", " ")
