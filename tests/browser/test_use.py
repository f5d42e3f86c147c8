"""What a person does with mouse and keyboard, with scripts and without."""

from typing import Any

from portal.access.models import AccessSession
from portal.jobs.models import LogLine, Step
from portal.lib.clock import now
from portal.notify.models import Notice
from tests.admin.world import World, person


def test_a_demo_person_is_chosen_and_signs_in(visit: Any, world: World) -> None:
    page = visit()
    page.goto("/login/")
    page.click("[data-person=vikram]")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Vikram')")
    assert not page.wrong


def test_the_keyboard_finds_a_tenant(visit: Any, world: World) -> None:
    page = visit("priya")
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("finance-n")
    page.wait_for_selector("[data-find-results] a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tenants/{world.tenant.pk}/")


def test_a_reason_is_asked_for_and_the_page_opens(visit: Any, world: World) -> None:
    AccessSession.objects.update(ended_at=now())
    page = visit("priya", width=390)
    page.goto(f"/tenants/{world.tenant.pk}/")
    page.fill("input[name=reason]", "ticket 4711")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('finance-notes')")
    assert [line for line in page.wrong if "403 (Forbidden)" not in line] == []  # the page that asks is a refusal
    assert not page.evaluate("window.violations")


def test_a_row_opens_with_a_click_anywhere(visit: Any, world: World) -> None:
    page = visit("priya")
    page.goto("/tenants/")
    page.click("tr:has-text('finance-notes') td:last-child")
    page.wait_for_url(f"**/tenants/{world.tenant.pk}/")


def test_the_estimate_follows_the_typing(visit: Any, world: World) -> None:
    page = visit("meera")
    page.goto("/requests/new/")
    page.select_option("[name=tier]", "gold")
    page.fill("[name=expected_users]", "100")
    page.fill("[name=expected_documents]", "50000")
    page.fill("[name=annual_budget_inr]", "12,00,000")
    page.select_option("[name=region]", "ap-south-1")
    page.wait_for_selector("[data-estimate-here] >> text=₹1,12,500.00")
    assert "Chief Financial Officer" in page.text_content("[data-estimate-here]")
    assert not page.wrong


def test_without_scripts_the_form_shows_its_errors_and_the_cost(visit: Any, world: World) -> None:
    page = visit("meera", script=False)
    page.goto("/requests/new/")
    page.fill("[name=name]", "Not A Name")
    page.click("text=Send the request")
    assert page.is_visible("[data-field=name] .errorlist") and page.input_value("[name=name]") == "Not A Name"
    page.select_option("[name=tier]", "gold")
    page.select_option("[name=region]", "ap-south-1")
    page.fill("[name=expected_users]", "100")
    page.fill("[name=expected_documents]", "50000")
    page.fill("[name=annual_budget_inr]", "1200000")
    page.click("text=Show the cost")
    assert "₹1,12,500.00" in page.text_content("main")


def test_on_a_phone_the_decision_comes_first_and_the_rail_is_a_drawer(visit: Any, world: World) -> None:
    page = visit("leela", width=390)
    page.goto(f"/approvals/{world.case.pk}/")
    decision, cost = page.locator(".decide").bounding_box(), page.locator("h2:has-text('What it costs')").bounding_box()
    assert decision["y"] < cost["y"]
    assert not page.is_visible("#rail")
    page.click("text=Menu")
    page.click("#rail >> text=Tenants")
    page.wait_for_url("**/tenants/")


def test_signing_is_one_reason_and_one_button(visit: Any, world: World) -> None:
    page = visit("leela")
    page.goto("/")
    page.click("text=ledger-notes")
    page.fill("#reason", "The figures are right.")
    page.click("text=Sign ₹12 L")
    page.wait_for_selector(".notice.success")
    assert "Leela Menon" in page.text_content("main") and not page.wrong


def test_a_running_job_moves_without_reload_and_keeps_what_is_typed(visit: Any, world: World) -> None:
    page = visit("kiran")
    page.goto(f"/jobs/{world.running.pk}/")
    page.wait_for_selector(".log >> text=line 3")
    page.evaluate("window.same = true")
    page.click("summary:has-text('Cancel')")
    page.fill("textarea[name=reason]", "half a sentence")
    page.locator("h1").click()
    Step.objects.filter(job=world.running, name="apply").update(state="succeeded", finished_at=now())
    LogLine.objects.create(job=world.running, seq=4, at=now(), text="line 4 came later")
    page.wait_for_selector("text=2 of 2")
    page.wait_for_selector(".log >> text=line 4 came later")
    assert page.evaluate("window.same") and page.input_value("textarea[name=reason]") == "half a sentence"
    assert page.locator(".log div").count() == 4, "the log stays, it does not begin again"


def test_a_lost_connection_is_said_and_forgotten(visit: Any, world: World) -> None:
    page = visit("kiran")
    page.goto(f"/jobs/{world.running.pk}/")
    page.context.set_offline(True)
    page.wait_for_selector("[data-connection]:not([hidden])", timeout=20_000)
    assert "2 of 2" not in page.text_content("main")
    Step.objects.filter(job=world.running, name="apply").update(state="succeeded", finished_at=now())
    page.context.set_offline(False)
    page.wait_for_selector("text=2 of 2", timeout=20_000)
    page.wait_for_selector("[data-connection]", state="hidden")


def test_the_theme_changes_at_once_and_stays(visit: Any, world: World) -> None:
    page = visit("priya")
    page.goto("/")
    page.click(".menu summary")
    with page.expect_response("**/theme/"):
        page.click("button[value=dark]")
    dark = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(dark) == "rgb(20, 23, 26)"
    page.goto("/tenants/")
    assert page.evaluate(dark) == "rgb(20, 23, 26)"


def test_a_name_cannot_bring_a_script_along(visit: Any, world: World) -> None:
    Notice.objects.create(user=person("meera"), event="x", key="xss", title="<img src=x onerror=alert(1)>")
    page = visit("meera")
    page.goto("/notifications/")
    assert page.locator("main img").count() == 0 and not page.wrong


def test_a_view_is_kept_and_removed_on_a_phone_without_scripts(visit: Any, world: World) -> None:
    page = visit("priya", width=390, theme="dark", script=False)
    page.goto("/tenants/?status__exact=active&o=2")
    page.get_by_text("Keep this view").click()
    name = "Every active tenant of the group, by business unit, weekly"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Keep").click()
    tab = page.get_by_role("link", name=name)
    assert tab.get_attribute("aria-current") == "true"
    assert tab.bounding_box()["width"] <= 390
    page.get_by_text("This view").click()
    page.get_by_role("button", name="Remove").click()
    assert page.get_by_role("link", name=name).count() == 0
