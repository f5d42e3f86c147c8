"""Cost over HTTP and on pages: who sees which, sorted and filtered, as CSV, and what automation returns."""

import csv
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from portal.lib.clock import now
from tenants.costs import statements
from tenants.costs.models import Statement
from tenants.costs.roi import Inputs, returns
from tests.admin.world import person, tenant
from tests.lifecycle.test_bad_input_elsewhere import refused

from .test_usage import counted


@pytest.fixture
def month(shipped: None) -> date:
    """Two cost centres: one of Finance that is over, one of Human Resources that is not."""
    small, large = Decimal("120000.00"), Decimal("12000000.00")
    over = tenant("fin-dear", "FIN", "meera", cost_centre="CC-DEAR", annual_budget_inr=small)
    tenant("hr-cheap", "HR", "arjun", cost_centre="=CC-CHEAP", annual_budget_inr=large)
    counted(over, "15000", day=now().date())
    this = now().date().replace(day=1)
    statements.refresh(this)
    return this


def page(username: str) -> Client:
    client = Client()
    client.force_login(person(username), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_statements_are_filtered_sorted_and_ones_own(month: date, api: Any) -> None:
    found = api("vikram").get("/api/v1/costs/", {"ordering": "-variance_percent", "month": month}).json()["results"]
    assert [one["cost_centre"] for one in found] == ["CC-DEAR", "=CC-CHEAP"]
    assert api("vikram").get("/api/v1/costs/", {"is_over": "true"}).json()["count"] == 1
    assert api("vikram").get("/api/v1/costs/", {"cost_centre": "CC-DEAR", "state": "open"}).json()["count"] == 1
    assert api("vikram").get("/api/v1/costs/", {"month": "2020-01-01"}).json()["count"] == 0
    assert [one["cost_centre"] for one in api("meera").get("/api/v1/costs/").json()["results"]] == ["CC-DEAR"]
    refused(api("vikram").get("/api/v1/costs/", {"month": "soon"}), 422)
    refused(api("vikram").get("/api/v1/costs/", {"currency": "USD"}), 422)


def test_cost_centres_are_for_who_oversees_them(month: date, api: Any) -> None:
    found = api("vikram").get("/api/v1/cost-centres/").json()["results"]
    assert [(one["cost_centre"], one["is_over"]) for one in found] == [("CC-DEAR", True), ("=CC-CHEAP", False)]
    refused(api("meera").get("/api/v1/cost-centres/"), 403)
    assert page("meera").get("/cost-centres/").status_code == 403


def test_the_pages_of_a_cfo(month: date) -> None:
    client = page("vikram")
    body = client.get("/cost-centres/").content.decode()
    assert body.index("CC-DEAR") < body.index("=CC-CHEAP") and "<svg" in body and "over budget" in body
    for one in Statement.objects.all():
        answer = client.get(f"/statements/{one.pk}/")
        assert answer.status_code == 200 and "₹96,150.00" in answer.content.decode()
        assert client.get(f"/statements/{one.pk}/?currency=USD").status_code == 422
    assert client.get("/statements/?month=soon&is_over=maybe").status_code in (200, 422)


def test_csv_holds_the_lines_and_no_formula(month: date) -> None:
    found = Statement.objects.get(cost_centre="CC-DEAR")
    answer = page("meera").get(f"/statements/{found.pk}/lines.csv")
    rows = list(csv.reader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))
    assert rows[0] == ["line", "units", "unit_price_inr", "amount_inr", "price_book"]
    assert ["Queries", "15000", "2.5000", "37500.00", "2026-01 v1"] in rows
    assert rows[-1][0] == "Total" and Decimal(rows[-1][3]) == found.total_inr
    whole = b"".join(page("vikram").get("/statements/export.csv").streaming_content).decode("utf-8-sig")
    assert "'=CC-CHEAP" in whole and not [row for row in csv.reader(whole.splitlines()) if row[1].startswith("=")]
    assert page("arjun").get(f"/statements/{found.pk}/lines.csv").status_code == 404


# -- what automation returns ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("tenants", "percent"), [(10, "46.8"), (50, "81.4")])
def test_what_is_saved_in_a_year(tenants: int, percent: str) -> None:
    assert returns(Inputs(tenants=tenants)).saved_percent == Decimal(percent)


def test_break_even() -> None:
    found = returns(Inputs())
    assert (found.break_even, found.break_even_after_build) == (Decimal("4.8"), 39)
    never = returns(Inputs(automated_inr=Decimal(50_000)))
    assert never.break_even is None and never.break_even_after_build is None
    assert returns(Inputs(manual_inr=Decimal(0))).saved_percent is None


@pytest.mark.parametrize("query", ["tenants=0", "tenants=1e9", "months=many", "manual_inr=-1", "manual_inr=NaN"])
def test_bad_inputs_say_what_is_right(shipped: None, api: Any, query: str) -> None:
    assert query.split("=")[0] in refused(api("vikram").get(f"/api/v1/roi/?{query}"), 422)["fields"]
    answer = page("vikram").get(f"/cost-centres/roi/?{query}")
    assert answer.status_code == 422 and "errorlist" in answer.content.decode()


def test_returns_over_http(shipped: None, api: Any) -> None:
    found = api("vikram").get("/api/v1/roi/", {"tenants": 50}).json()
    assert (found["saved_percent"], found["break_even"], found["break_even_after_build"]) == ("81.4", "4.8", 39)
    refused(api("vikram").get("/api/v1/roi/?colour=teal"), 422)
    refused(api("meera").get("/api/v1/roi/"), 403)
    body = page("vikram").get("/cost-centres/roi/?tenants=50").content.decode()
    assert "81.4 %" in body and "39 tenants" in body
