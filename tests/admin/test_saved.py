"""A person's own views of a list: kept, shown beside the shipped ones, renamed, removed, and never anybody else's."""

import pytest
from django.db import IntegrityError, transaction

from portal.admin.saved.models import MOST, SavedView

from .world import person

pytestmark = pytest.mark.django_db
KEEP = {"do": "save", "page": "tenants", "name": "Mine", "query": "o=2&q=alpha&status__exact=active&p=3&evil=1"}


def kept(browser, **more):
    assert browser.post("/views/", KEEP | more).status_code == 302
    return SavedView.objects.latest("place")


def text(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_only_what_the_list_offers_is_kept_and_leads_back_to_it(page):
    answer = page("priya").post("/views/", KEEP)
    view = SavedView.objects.get()
    assert view.query == "o=2&q=alpha&status__exact=active"
    assert answer.headers["Location"] == f"/tenants/?{view.query}"


def test_a_view_is_a_tab_until_it_is_removed(page, world):
    browser = page("priya")
    narrowed = "/tenants/?status__exact=active&o=2"
    assert "Keep this view" in text(browser, narrowed)
    view = kept(browser, query="o=2&status__exact=active")
    shown = text(browser, narrowed)
    assert 'href="?o=2&amp;status__exact=active" aria-current="true">Mine</a>' in shown
    assert "Keep this view" not in shown and "This view" in shown
    about = {"page": "tenants", "query": view.query, "view": str(view.pk)}
    assert browser.post("/views/", {"do": "rename", "name": "Look weekly", **about}).status_code == 302
    assert ">Look weekly</a>" in text(browser, "/tenants/")
    assert browser.post("/views/", {"do": "remove", **about}).headers["Location"] == "/tenants/"
    assert ">Look weekly</a>" not in text(browser, "/tenants/")


def test_nothing_is_offered_where_a_shipped_view_shows_as_it_is(page):
    assert "Keep this view" not in text(page("priya"), "/tenants/")
    assert "Keep this view" not in text(page("priya"), "/jobs/?state__exact=failed")


def test_nobody_elses_view_is_seen_renamed_or_removed(page):
    view = kept(page("priya"))
    other = page("oliver")
    assert ">Mine</a>" not in text(other, "/tenants/")
    about = {"page": "tenants", "view": str(view.pk), "name": "Taken"}
    assert other.post("/views/", {"do": "rename", **about}).status_code == 404
    assert other.post("/views/", {"do": "remove", **about}).status_code == 404
    view.refresh_from_db()
    assert (view.name, view.user) == ("Mine", person("priya"))


def test_a_filter_that_is_gone_does_not_break_the_page(page):
    browser, view = page("priya"), kept(page("priya"))
    SavedView.objects.filter(pk=view.pk).update(query="gone__exact=x&o=99&status__exact=nothing-like-it")
    assert 'href="?o=99&amp;status__exact=nothing-like-it"' in text(browser, "/tenants/")
    assert ">Mine</a>" in text(browser, "/tenants/?o=99&status__exact=nothing-like-it")


def test_a_name_is_text(page):
    browser = page("priya")
    kept(browser, name='<script>alert("1")</script>')
    shown = text(browser, "/tenants/?o=2&q=alpha&status__exact=active")
    assert "<script>alert" not in shown and "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;" in shown
    assert 'value="&lt;script&gt;' in shown


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"name": ""}, 422),
        ({"name": "x" * 61}, 422),
        ({"name": "a\x00b"}, 422),
        ({"query": ""}, 422),
        ({"query": "p=3&evil=1"}, 422),
        ({"query": "status__exact=%00"}, 422),
        ({"query": "&".join(f"a{n}=1" for n in range(90))}, 422),
        ({"query": "q=" + "x" * 2000}, 422),
        ({"query": "q=" + "ü" * 900}, 422),
        ({"do": "share"}, 422),
        ({"page": "nowhere"}, 404),
        ({"page": "../people"}, 422),
        ({"do": "rename", "view": "nonsense"}, 422),
        ({"do": "remove"}, 404),
    ],
)
def test_what_is_refused_keeps_nothing(page, wrong, status):
    assert page("priya").post("/views/", KEEP | wrong).status_code == status
    assert not SavedView.objects.exists()


def test_a_list_that_may_not_be_opened_has_no_views(page):
    assert page("meera").post("/views/", KEEP | {"page": "people", "query": "q=a"}).status_code == 404


def test_a_name_once_and_thirty_at_most(page):
    browser = page("priya")
    kept(browser)
    assert browser.post("/views/", KEEP).status_code == 422
    for number in range(2, MOST + 1):
        kept(browser, name=f"View {number}")
    assert browser.post("/views/", KEEP | {"name": "One more"}).status_code == 409
    first = SavedView.objects.earliest("place")
    assert browser.post("/views/", {"do": "remove", "page": "tenants", "view": str(first.pk)}).status_code == 302
    assert kept(browser, name="One more") and SavedView.objects.count() == MOST
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(user=person("priya"), page="tenants", name="x", query="q=x", place=MOST + 1)
