"""The mistakes that the search must find: each one is a rule of migration.md, broken."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Faults:
    """None of them is on in the protocol itself."""

    arms_without_lock: bool = False  # 2: a transaction already past its trigger is not waited for
    plain_check: bool = False  # guard: a snapshot reader looks at its own old fence row, without FOR SHARE
    freezes_before_arming: bool = False  # 3: the copy's last key is read before capture is on
    begins_on_old_rows: bool = False  # 3: a copy begun anew leaves on green what an earlier one put there
    overlaps: bool = False  # 3: a chunk and a dirty round are under way at once
    deletes_up_to_last: bool = False  # 4: `seq <= last` instead of exactly those that were read
    deletes_first: bool = False  # 4: dirty entries go before green has committed
    reuses_seq: bool = False  # 4: arming starts the numbers of dirty entries anew
    no_lease_at_green: bool = False  # 3, 4: the target's transaction does not check the lease
    accepts_stale_round: bool = False  # 5: a round as of a held snapshot, though another round came after that
    believes_names: bool = False  # 5: a name is followed though it leads to another snapshot since a restart
    gives_target_early: bool = False  # 5: the target's snapshot is given before the source's was brought over
    skips_final_round: bool = False  # 7: what was dirty at the fence stays behind
    opens_after_part: bool = False  # 7: the final round carries no more than one round may, and the switch goes on
    places_before_final_round: bool = False  # 7: the commit point comes too early
    opens_beside: bool = False  # 7: green opens at blue's epoch, blue not being fenced
    no_reverse_capture: bool = False  # 7: green opens, and its first writes are not captured
    sets_without_compare: bool = False  # 7: placement is written, whoever holds the lease and whatever it says
    rollback_discards: bool = False  # 8: the way back does not drain green
    reopens_at_old_epoch: bool = False  # abort: the owner is reopened as it was
    aborts_by_colour: bool = False  # abort: blue is taken for the owner
    capture_off_in_pause: bool = False  # paused: capture rests, and its generation stays
    opening_resets_suspension: bool = False  # fence row: the mover writes a column that is not its own


NONE = Faults()
NAMES = [field.name for field in fields(Faults)]


def only(name: str) -> Faults:
    """The protocol with this one mistake."""
    return Faults(**{name: True})
