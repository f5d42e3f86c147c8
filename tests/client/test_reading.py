"""A read goes to a following store only where that shows the reader's last write."""

import psycopg
import pytest
from bailiwick_client import Applied, ReadToken

from portal.lib.regions import Region


@pytest.mark.parametrize(
    ("xid", "snapshot", "shown"),
    [
        (99, "100:100:", True),
        (100, "100:100:", False),  # not begun when the snapshot was taken
        (101, "100:105:100,103", True),
        (103, "100:105:100,103", False),  # running
        (10, "100:105:100,103", True),  # not to be taken for a part of 100
        (105, "100:105:100,103", False),
        (1, "", False),
        (1, "nonsense", False),
    ],
)
def test_a_write_is_shown_by_snapshots_taken_after_its_commit(xid: int, snapshot: str, shown: bool) -> None:
    assert ReadToken(3, xid).is_visible_in(Applied(3, snapshot)) is shown


def test_writes_of_an_earlier_owner_are_all_there_and_of_a_later_one_none() -> None:
    assert ReadToken(2, 10**9).is_visible_in(Applied(3, "5:5:"))
    assert not ReadToken(4, 1).is_visible_in(Applied(3, "5:5:"))


def test_a_token_is_read_as_it_was_told() -> None:
    assert ReadToken.of(str(ReadToken(7, 2**63))) == ReadToken(7, 2**63)


@pytest.mark.parametrize("text", ["", "7", "7.", ".7", "-1.2", "1.2.3", "1.2\n", "٣.٤", "1." + "9" * 21])
def test_what_is_no_token_is_none(text: str) -> None:
    assert ReadToken.of(text) is None


def test_it_decides_as_postgresql_does(region: Region) -> None:
    """Open, committed and rolled back transactions around a snapshot, against pg_visible_in_snapshot."""
    arguments = region.database.connect_kwargs("platform")
    with (
        psycopg.connect(**arguments) as done,
        psycopg.connect(**arguments) as open_,
        psycopg.connect(**arguments) as db,
    ):
        xids = []
        for connection, ends in ((open_, False), (done, True), (done, True)):
            row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
            assert row
            xids.append(row[0])
            if ends:
                connection.commit()
        found = db.execute("SELECT pg_current_snapshot()::text").fetchone()
        assert found
        for xid in range(min(xids) - 2, max(xids) + 3):
            said = db.execute(
                "SELECT pg_visible_in_snapshot(%s::text::xid8, %s::pg_snapshot)", (xid, found[0])
            ).fetchone()
            assert said and ReadToken(1, xid).is_visible_in(Applied(1, found[0])) is said[0]
