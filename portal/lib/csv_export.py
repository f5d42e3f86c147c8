"""CSV that opens in a spreadsheet as what it is: text never runs as a formula, numbers stay numbers (RFC 4180).

After OWASP, "CSV injection": text that a spreadsheet would read as a formula gets an apostrophe before it, which
spreadsheets take for "this is text". Quotes and line breaks are quoted, so no value can begin a cell of its own.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import StreamingHttpResponse

# Also after blanks and invisible signs, and in the full width that East Asian spreadsheets read alike.
FORMULA = re.compile(r"[\s\ufeff\u200b-\u200f\u2060\x00-\x1f]*[=+\-@|%＝＋－＠]|[\t\r\n]")
BATCH = 500


def cell(value: Any) -> str:
    """The value as the text of one cell."""
    if value is None:
        return ""
    if isinstance(value, (bool, int)):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    text = str(value)
    return f"'{text}" if FORMULA.match(text) else text


def lines(headings: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The file in pieces: a mark that it is UTF-8 with the headings, then a few hundred rows at a time."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + str(writer.writerow([cell(one) for one in headings]))
    piece: list[str] = []
    for row in rows:
        piece.append(str(writer.writerow([cell(one) for one in row])))
        if len(piece) == BATCH:
            yield "".join(piece)
            piece = []
    yield "".join(piece)


def answer(name: str, headings: Sequence[Any], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A download that is written while it is sent."""
    safe = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)
    return StreamingHttpResponse(
        lines(headings, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{safe}.csv"'},
    )


class _Echo:
    def write(self, value: str) -> str:
        return value
