"""A CSV export holds what it was given and nothing a spreadsheet would run."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib import csv_export

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NASTY = st.sampled_from(["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", '","=1', '"', "\n=1", " =1", "＝1", "'=1"])
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12),
)
ROWS = st.lists(st.tuples(TEXT | NASTY, NUMBERS, TEXT | NASTY), max_size=20)
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def read(pieces: Any) -> list[list[str]]:
    whole = "".join(pieces)
    assert whole.startswith("\ufeff")
    return list(csv.reader(io.StringIO(whole[1:], newline="")))


@given(ROWS)
def test_what_goes_in_comes_out_and_never_as_a_formula(rows: list[tuple[str, Any, str]]) -> None:
    headings, *found = read(csv_export.lines(["a", "b", "c"], rows))
    assert headings == ["a", "b", "c"] and len(found) == len(rows)
    for (before, number, after), cells in zip(rows, found, strict=True):
        assert len(cells) == 3, "no value begins a cell of its own"
        assert Decimal(cells[1]) == number, "numbers stay numbers, negative ones too"
        for given_text, cell in ((before, cells[0]), (after, cells[2])):
            assert cell in (given_text, f"'{given_text}")
            assert not cell.lstrip(" \u200b\ufeff").startswith(STARTS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "True"),
        (-5, "-5"),
        (Decimal("-0.10"), "-0.10"),
        (Decimal("1E+3"), "1000"),
        (date(2026, 11, 21), "2026-11-21"),
        ("-5", "'-5"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("\u200b=1", "'\u200b=1"),
        ("plain", "plain"),
        ("a=b", "a=b"),
        ("O'Hara", "O'Hara"),
    ],
)
def test_cells(value: Any, shown: str) -> None:
    assert csv_export.cell(value) == shown


def test_headings_are_text_too_and_a_name_is_a_name() -> None:
    assert read(csv_export.lines(["=1"], []))[0] == ["'=1"]
    answer = csv_export.answer('x"\r\nSet-Cookie: a=b', ["a"], [])
    assert answer.headers["Content-Disposition"] == 'attachment; filename="x-Set-Cookie-a-b.csv"'


def test_it_is_written_while_it_is_read() -> None:
    """A long list is never in memory as a whole."""
    taken = []

    def rows() -> Any:
        for number in range(10_000):
            taken.append(number)
            yield [number]

    pieces = csv_export.lines(["n"], rows())
    next(pieces), next(pieces)
    assert len(taken) == csv_export.BATCH
