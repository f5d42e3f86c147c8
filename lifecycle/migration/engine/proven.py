"""A round whose keys are read again on both sides, by the verifier's own path, as of the round's snapshot."""

from lifecycle.stores.postgres.connection import at_length, translated

from .move import Move
from .rounds import Round, round
from .snapshots import held, reader
from .verify import Keys, bring_again, differing, shapes


def proven(move: Move) -> tuple[Round, Keys]:
    """The round, and those of its keys whose rows the target does not hold as the snapshot shows them.

    For a target that nobody else writes: it is read when the round has committed. Keys that differ are made dirty.
    """
    with translated("verify a round"), held(move.source) as (mine, snapshot):
        done, wrong = round(move, snapshot), Keys()
        if done.changed:
            with at_length(mine), reader(move.target) as theirs:
                wrong = differing(mine, theirs, shapes(mine), move.tenant_id, done.changed)
        bring_again(move, wrong)
        return done, wrong
