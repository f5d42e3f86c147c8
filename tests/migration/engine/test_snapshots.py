"""A snapshot that somebody holds is read by others as what it is, or not at all."""

from dataclasses import replace

import pytest

from lifecycle.migration.engine import rounds, snapshots, verify
from lifecycle.migration.engine.snapshots import Gone

from .conftest import World, copied, drained


def titles(world: World, of: snapshots.Snapshot) -> set[str]:
    with snapshots.reader(world.blue, of) as db:
        rows = db.execute("SELECT title FROM rag.documents WHERE tenant_id = %s", (world.id,)).fetchall()
    return {title for (title,) in rows}


def test_it_shows_the_same_to_whoever_reads_in_it_until_it_is_let_go(world: World) -> None:
    world.fill(2)
    with snapshots.held(world.blue) as (_, of):
        before = titles(world, of)
        with world.writer(world.blue) as db:
            db.execute("UPDATE rag.documents SET title = 'later'")
        assert titles(world, of) == before and "later" not in before
    with pytest.raises(Gone):
        titles(world, of)


@pytest.mark.parametrize("change", [{"shows": "1:1:"}, {"server": "0"}])
def test_a_name_that_was_given_to_another_one_is_not_believed(world: World, change: dict[str, str]) -> None:
    with snapshots.held(world.blue) as (_, of), pytest.raises(Gone, match="another one"):
        titles(world, replace(of, **change))


def test_a_session_that_holds_one_is_ended_by_no_limit_of_the_server(world: World) -> None:
    with snapshots.held(world.blue) as (db, _):
        limits = dict(db.execute("SELECT name, setting FROM pg_settings WHERE name LIKE '%%transaction%%timeout'"))
        assert limits["idle_in_transaction_session_timeout"] == "0" and set(limits.values()) == {"0"}


def test_a_round_brings_what_a_held_snapshot_shows_and_not_what_came_later(world: World) -> None:
    world.fill(3)
    taken, _ = world.take(1)
    copied(taken)
    with world.writer(world.blue) as db:
        db.execute("UPDATE rag.documents SET title = 'before'")
    with snapshots.held(world.blue) as (_, of):
        with world.writer(world.blue) as db:
            db.execute("UPDATE rag.documents SET title = 'after'")
        rounds.round(taken, of)
        found = str(world.everything(world.green)["documents"])
        assert "before" in found and "after" not in found
    drained(taken)
    assert world.everything(world.green) == world.everything(world.blue)


def test_no_round_goes_back_behind_a_later_one(world: World) -> None:
    """The later one took the lines away: rows as of the snapshot would stay on green for ever."""
    world.fill(3)
    taken, _ = world.take(1)
    copied(taken)
    with world.writer(world.blue) as db:
        db.execute("UPDATE rag.documents SET title = 'before'")
    with snapshots.held(world.blue) as (_, of):
        with world.writer(world.blue) as db:
            db.execute("UPDATE rag.documents SET title = 'after'")
        drained(taken)
        with pytest.raises(Gone, match="came after"):
            rounds.round(taken, of)
    assert world.everything(world.green) == world.everything(world.blue)
    assert verify.verify(taken).ok


def test_a_snapshot_that_shows_no_change_is_not_brought_behind_a_later_round(world: World) -> None:
    """It would take no line away; but green is beyond it, and whoever compared the two would find them unlike."""
    taken, _ = world.take(1)
    copied(taken)
    drained(taken)
    with snapshots.held(world.blue) as (_, of):
        world.fill(1)
        drained(taken)
        with pytest.raises(Gone, match="came after"):
            rounds.round(taken, of)


@pytest.mark.parametrize(
    ("one", "other", "is_later"),
    [
        ("5:9:", "5:8:", True),
        ("5:8:", "5:9:", False),
        ("5:9:5", "5:9:5,7", True),
        ("5:9:5,7", "5:9:5", False),
        ("5:9:5", "5:9:5", False),
        ("9:10:", "9:9:", True),
    ],
)
def test_two_snapshots_of_a_server_have_an_order(one: str, other: str, is_later: bool) -> None:
    assert snapshots.is_later(one, other) is is_later


def test_pieces_of_a_comparison_say_what_all_of_it_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ranges, each begun anew behind the last one, over tables that are empty, full to the end and not."""
    monkeypatch.setattr(verify, "RANGE", 2)
    monkeypatch.setattr(verify, "AT_ONCE", 1)
    world.fill(4)
    taken, _ = world.take(1)
    copied(taken)
    whole = verify.verify(taken)
    with snapshots.held(world.blue) as (_, mine), snapshots.held(world.green) as (_, theirs):
        found: list[verify.Compared] = []
        while True:
            with verify.reading(taken, mine, theirs) as sides:
                some = next(verify.ranges(*sides, move=taken, after=found[-1] if found else None), None)
            if some is None:
                break
            found += some
    pieces = verify.concluded(found, mine.shows)
    assert pieces.ok and len(found) > len(pieces.tables) and pieces.rows == whole.rows > 0
    assert (pieces.root_source, pieces.tables) == (whole.root_source, whole.tables)
