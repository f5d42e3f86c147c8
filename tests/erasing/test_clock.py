"""The statutory clock: a month is a month, weekends and holidays move on, each extension counts from receipt."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from compliance.erasing.statutory import due_on, months_later, next_working_day

CASES = [
    ("gdpr-17", "2025-01-31", "2025-02-28", "2025-04-30"),  # a short month
    ("gdpr-17", "2024-01-31", "2024-02-29", "2024-04-30"),  # and in a leap year
    ("gdpr-17", "2026-01-31", "2026-03-02", "2026-04-30"),  # 28 Feb 2026 is a Saturday
    ("gdpr-17", "2026-10-29", "2026-11-30", "2027-01-29"),  # 29 Nov 2026 is a Sunday
    ("gdpr-17", "2026-12-15", "2027-01-15", "2027-03-15"),  # over the year
    ("contract", "2026-11-03", "2026-12-03", "2027-02-03"),
    ("ccpa-1798-105", "2026-11-03", "2026-12-18", "2027-02-01"),
    ("dpdp-12", "2026-11-03", "2026-12-18", "2027-02-01"),
]


@pytest.mark.parametrize(("basis", "received", "due", "extended"), CASES)
def test_when_it_is_due(basis: str, received: str, due: str, extended: str) -> None:
    at = datetime.fromisoformat(f"{received}T12:00:00+00:00")
    assert due_on(basis, at).isoformat() == due
    assert due_on(basis, at, extended=True).isoformat() == extended


def test_the_day_of_receipt_is_the_one_where_the_law_counts() -> None:
    late = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)  # the third in Brussels and in Kolkata, the second in California
    assert due_on("gdpr-17", late) == date(2026, 12, 3)
    assert due_on("ccpa-1798-105", late) == date(2026, 12, 17)


def test_holidays_are_data(settings: Any) -> None:
    settings.ERASURE = {**settings.ERASURE, "holidays": ["2026-12-03", "2026-12-04"]}
    assert due_on("gdpr-17", datetime(2026, 11, 3, tzinfo=UTC)) == date(2026, 12, 7)
    assert next_working_day(date(2026, 12, 2), []) == date(2026, 12, 2)
    assert months_later(date(2026, 11, 30), 3) == date(2027, 2, 28)
