"""A list page's rows, columns and chips, and the same rows as CSV."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.db import models
from django.http import StreamingHttpResponse
from django.utils.encoding import force_str
from django.utils.text import capfirst

from portal.access.actor import Actor
from portal.lib import csv_export

FIGURES = frozenset({"inr", "inr_short", "price", "count", "percent", "number", "span"})
CSV_LIMIT = 20_000


def column(label: Any, *, ordering: str | None = None, kind: str = "text") -> Callable[[Any], Any]:
    """Declare a list column: its heading, what it sorts by, and how its value is shown."""

    def declare(function: Any) -> Any:
        function.short_description = label
        function.admin_order_field = ordering
        function.kind = kind
        return function

    return declare


Choices = Sequence[tuple[str, Any]]


def fixed(
    name: str,
    label: Any,
    choices: Choices | Callable[[], Choices],
    lookup: str = "",
    value_of: Callable[[str], Any] = str,
) -> type[SimpleListFilter]:
    """A filter whose choices are known beforehand, so that offering them costs no query."""

    class Fixed(SimpleListFilter):
        title = label
        parameter_name = name

        def lookups(self, request: Any, model_admin: Any) -> Choices:
            return choices() if callable(choices) else choices

        def queryset(self, request: Any, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
            return queryset.filter(**{lookup or name: value_of(chosen)}) if (chosen := self.value()) else queryset

    return Fixed


def yes_no(name: str, label: Any, lookup: str, yes: Any, no: Any) -> type[SimpleListFilter]:
    """A filter over something that is so or is not."""
    return fixed(name, label, [("yes", yes), ("no", no)], lookup, value_of=lambda one: one == "yes")


@dataclass(frozen=True)
class Cell:
    label: str
    kind: str
    value: Any
    words: str = ""

    @property
    def is_figure(self) -> bool:
        return self.kind in FIGURES


@dataclass(frozen=True)
class Row:
    url: str
    under: str
    cells: list[Cell]


@dataclass(frozen=True)
class Heading:
    text: str
    is_figure: bool
    sort_url: str
    direction: str


@dataclass(frozen=True)
class Chips:
    """One filter: its choices, and the chosen one if it is not "all"."""

    title: str
    chosen: str
    clear_url: str
    choices: list[dict[str, Any]]


def kind_of(name: str, field: Any, attribute: Any, value: Any) -> str:
    """Decide how a column is shown: declared, or from the naming habits (`*_inr`, `*_at`, `*_on`, status)."""
    declared = getattr(attribute, "kind", None)
    if declared:
        return str(declared)
    if name.endswith("_inr"):
        return "inr"
    if name in {"status", "state", "outcome"}:
        return "state"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, datetime):
        return "when"
    if isinstance(value, date):
        return "day"
    if isinstance(field, models.IntegerField):
        return "count"
    return "number" if isinstance(value, (int, Decimal)) else "text"


def label_of(cl: ChangeList, name: Any) -> str:
    """A column's heading; an amount's unit and an instant are named the way people name them."""
    label = capfirst(force_str(label_for_field(name, cl.model, model_admin=cl.model_admin)))
    return f"{label.removesuffix(' inr')}, ₹" if label.endswith(" inr") else label.removesuffix(" at")


def cells(cl: ChangeList, obj: models.Model) -> list[Cell]:
    """The cells of one row, each with the heading it stands under."""
    found = []
    for name in cl.list_display:
        field, attribute, value = lookup_field(name, obj, cl.model_admin)
        kind = kind_of(str(name), field, attribute, value)
        label = label_of(cl, name)
        words = ""
        if field is not None and getattr(field, "choices", None):
            words = force_str(dict(field.flatchoices).get(value, value))
            value = value if kind == "state" else words
        found.append(Cell(label, kind, value, words))
    return found


def rows(cl: ChangeList, actor: Actor) -> list[Row]:
    page: Any = cl.model_admin
    found = list(cl.result_list)
    page.prepare(found, actor)
    return [Row(page.object_url(obj), page.under(obj), cells(cl, obj)) for obj in found]


def headings(cl: ChangeList, shown: list[Row]) -> list[Heading]:
    """The column headings with their sort links; figures are known from the first row."""
    figures = [cell.is_figure for cell in shown[0].cells] if shown else []
    return [
        Heading(
            label_of(cl, cl.list_display[i]),
            figures[i] if i < len(figures) else False,
            str(header["url_primary"]) if header.get("sortable") else "",
            ("ascending" if header.get("ascending") else "descending") if header.get("sorted") else "",
        )
        for i, header in enumerate(result_headers(cl))
    ]


def chips(cl: ChangeList) -> list[Chips]:
    found = []
    for spec in cl.filter_specs:
        if getattr(spec, "hidden", False):
            continue
        offered: list[Any] = list(spec.choices(cl))
        chosen = next((force_str(c["display"]) for c in offered[1:] if c["selected"]), "")
        clear = str(offered[0]["query_string"]) if offered else ""
        found.append(Chips(force_str(spec.title).removesuffix(" at"), chosen, clear, offered))
    return found


def page_links(cl: ChangeList) -> list[tuple[Any, str]]:
    """Numbers with their addresses; an ellipsis has none."""
    numbers = cl.paginator.get_elided_page_range(cl.page_num, on_each_side=2, on_ends=1)
    return [(n, cl.get_query_string({PAGE_VAR: n}) if isinstance(n, int) else "") for n in numbers]


def batched(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := list(islice(rows, size)):
        yield batch


def as_csv(cl: ChangeList, filename: str, actor: Actor) -> StreamingHttpResponse:
    """The whole filtered list, not one page of it, up to 20,000 rows."""
    page: Any = cl.model_admin

    def rows() -> Iterator[list[Any]]:
        for batch in batched(cl.queryset[:CSV_LIMIT].iterator(chunk_size=500), 500):
            page.prepare(batch, actor)
            yield from ([cell.value for cell in cells(cl, obj)] for obj in batch)

    return csv_export.answer(filename, [label_of(cl, name) for name in cl.list_display], rows())
