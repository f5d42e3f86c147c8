"""Vectors outside PostgreSQL move with the rows that name them: every pair of places, there and back."""

import os
import random
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from lifecycle.migration.engine import compare, compare_vectors, rounds, switch, verify
from lifecycle.migration.engine.move import Held, Overtaken
from lifecycle.migration.vectors import judge, outside, site
from lifecycle.stores.errors import Permanent
from lifecycle.stores.vectors import pinecone
from portal.embedded.pinecone_double import app, data
from portal.embedded.stack import Stack
from portal.lib.regions import Region
from ragplatform.embedding import embed
from ragplatform.problems import Moved
from tenants.models import Tenant
from tests.sweeps import SEED, WHOLE

from . import kills
from .conftest import copied, drained, moved, settle_in
from .outside import INDEX, SMALL, Outside, Platform, account, platform
from .test_directed import superuser

PINECONE, PGVECTOR = "pinecone", "pgvector"
PAIRS = [(PINECONE, PINECONE), (PINECONE, PGVECTOR), (PGVECTOR, PINECONE)]
Make = Callable[..., Outside]
WAITED_FOR = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture(scope="module")
def abroad(
    sides: tuple[Region, Region], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[Region], list[float]]]:
    """Both regions with a Pinecone account of its own; and the lag of green's, which the test sets."""
    folder = tmp_path_factory.mktemp("accounts")
    with ExitStack() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAILIWICK_RATE_PINECONE", "5000")
        found = [running.enter_context(account(folder / side.name)) for side in sides]
        regions = [replace(side, pinecone=made) for side, (made, _) in zip(sides, found, strict=True)]
        yield regions, found[1][1]


@pytest.fixture
def lag(abroad: tuple[list[Region], list[float]]) -> Iterator[list[float]]:
    yield abroad[1]
    abroad[1][0] = 0.0


@pytest.fixture
def place(abroad: tuple[list[Region], list[float]], arguments: dict[str, Any]) -> Make:
    """Makes a tenant whose vectors are held so at home and abroad."""

    def made(blue: str = PINECONE, green: str = PINECONE, index: str = INDEX) -> Outside:
        world = settle_in(*abroad[0], arguments)
        held = tuple(Held(provider, index if provider == PINECONE else "", world.id.hex) for provider in (blue, green))
        for region in abroad[0]:
            Outside.index(world, region, index).create_namespace(name=world.id.hex)  # type: ignore[arg-type]
        return Outside(**vars(world), held=held)  # type: ignore[arg-type]

    return made


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_there_and_back(place: Make, here: str, there: str) -> None:
    world = place(here, there)
    with platform(world, world.blue) as home:
        kept, dropped, late = (home.ingest(text) for text in ("harbour lights", "island ferry", "lighthouse keeper"))
        home.ingest("of the to", 1)  # no word that counts: a vector of zeros, which one store keeps and the other not
        copied(world.take(1)[0])
        home.delete(dropped)
        home.delete(late)
        home.ingest("lighthouse keepers asleep", 3, known=late)
        unsettled = home.ingest("still on its way", settle=False)
        assert home.notes() == (here == PINECONE)
        moved(world)
    forward = world.take(1)[0]
    found = compare_vectors.compare(forward)
    assert found.ok and found.root_source == found.root_target and found.keys == (5 if here == PINECONE else 7)
    with platform(world, world.green, epoch=2) as away:
        assert away.settle(unsettled) and away.notes() == 0
        away.delete(kept)
        added = away.ingest("written on green")
    taken, control = world.take(2)
    drained(taken.reversed())
    assert switch.switch(taken.reversed(), control, budget_ms=5_000).epoch == 3
    after = compare_vectors.compare(taken.reversed())
    assert after.ok and len(after.source) == 7
    documents = {name.partition("#")[0] for name in after.target}
    assert documents == {late.hex, unsettled.hex, added.hex}
    assert verify.verify(taken).ok


def test_a_row_that_is_there_has_its_vectors_seen(place: Make, lag: list[float]) -> None:
    """The index takes its time: rows wait for it, and so does a round."""
    world = place()
    with platform(world, world.blue) as home:
        home.ingest("harbour", 3)
        lag[0] = 0.3
        taken, _ = world.take(1)
        copied(taken)
        assert world.vectors(world.green) == world.vectors(world.blue) != {}
        gone = home.ingest("ferry")
        assert rounds.round(taken).vectors.there
        assert world.vectors(world.green) == world.vectors(world.blue)
        home.delete(gone)
        rounds.round(taken)
        assert world.vectors(world.green) == world.vectors(world.blue)


def test_what_is_on_its_way_is_brought_once_it_has_arrived(place: Make) -> None:
    world = place()
    with platform(world, world.blue) as home:
        copied(taken := world.take(1)[0])
        document = home.ingest("slow", settle=False)
        assert rounds.round(taken).vectors.there == () and world.vectors(world.green) == {}
        assert home.settle(document)
        assert rounds.round(taken).vectors.there == (f"{document.hex}#0", f"{document.hex}#1")
        home.delete(document, settle=False)
        assert rounds.round(taken).vectors.gone == (f"{document.hex}#0", f"{document.hex}#1")
        assert world.vectors(world.green) == {} != world.vectors(world.blue)
        assert compare_vectors.compare(taken).ok, "a note says that blue's are to go, too"


def test_a_plan_counts_and_describes_both_places(place: Make) -> None:
    world = place(PINECONE, PGVECTOR)
    with platform(world, world.blue) as home:
        home.ingest("harbour")
    tenant = Tenant(pk=world.id, name="mover", region=world.blue.name, vector_provider=PINECONE)
    sites = [site(tenant, region, PGVECTOR) for region in (world.blue, world.green)]
    assert [(one.provider, one.shape, one.vectors) for one in sites] == [
        (PINECONE, (256, "cosine"), 2),
        (PGVECTOR, (256, "cosine"), 0),
    ]
    assert judge(*sites)[0] == "pass" and outside(tenant, world.blue) == 2
    assert judge(replace(sites[0], shape=None), sites[1])[0] == "refuse"


def test_a_transaction_cut_in_two_by_a_round_loses_no_vector(place: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = place()
    with platform(world, world.blue) as home:
        copied(taken := world.take(1)[0])
        monkeypatch.setattr(rounds, "MOST", 2)
        document = home.ingest("cut", 4, settle=False)
        assert rounds.round(taken).left
        assert home.settle(document)
        drained(taken)
        assert world.vectors(world.green) == world.vectors(world.blue) != {}


def one_bit(index: Any, name: str, of: dict[str, Any]) -> None:
    first, *rest = index.fetch(ids=[name], **of).vectors[name].values
    (bits,) = struct.unpack(">I", struct.pack(">f", first))
    index.update(id=name, values=[*struct.unpack(">f", struct.pack(">I", bits ^ 1)), *rest], **of)


def missing(index: Any, name: str, of: dict[str, Any]) -> None:
    index.delete(ids=[name], **of)


def extra(index: Any, name: str, of: dict[str, Any]) -> None:
    index.upsert(vectors=[("stray", [1.0] * 256)], show_progress=False, **of)


def stale_metadata(index: Any, name: str, of: dict[str, Any]) -> None:
    index.update(id=name, set_metadata={"page": 5}, **of)


@pytest.mark.parametrize("flaw", [one_bit, missing, extra, stale_metadata])
def test_the_comparison_finds(place: Make, flaw: Any) -> None:
    world = place()
    with platform(world, world.blue) as home:
        name = f"{home.ingest('harbour').hex}#0"
    world.index(world.blue).update(id=name, set_metadata={"lang": "en", "page": 4}, namespace=world.id.hex)
    copied(taken := world.take(1)[0])
    drained(taken)
    before = compare_vectors.compare(taken)
    assert before.ok and before.keys == 2
    flaw(world.index(world.green), name, {"namespace": world.id.hex})
    found = compare_vectors.compare(taken)
    wrong = ["stray" if flaw is extra else name]
    assert not found.ok and found.mismatches == wrong and found.root_source != found.root_target
    assert compare_vectors.differing(taken, wrong, [], time.monotonic() + 60) == wrong
    rounds.mend(taken, found.mismatches)
    assert found.mended(compare_vectors.compare(taken, ids=wrong)) == before


def test_ten_thousand_vectors_that_no_row_names(place: Make) -> None:
    """Listed page by page, and brought as they are, with ids of any form; in a hurry it is fewer."""
    world = place(index=SMALL)
    index, many = world.index(world.blue, SMALL), 10_000 if WHOLE else 1_050
    made = [(f"id-{number}", [1.0, number, 0.1, 0, 0, 0, 0, 0]) for number in range(many)]
    for start in range(0, many, 1000):
        index.upsert(vectors=made[start : start + 1000], namespace=world.id.hex, show_progress=False)
    copied(taken := world.take(1)[0])
    found = compare_vectors.compare(taken)
    assert len(found.mismatches) == many
    rounds.mend(taken, found.mismatches)
    again = compare_vectors.compare(taken)
    assert again.ok and again.keys == many


@pytest.fixture
def numbered(place: Make, monkeypatch: pytest.MonkeyPatch) -> tuple[Outside, list[str]]:
    """Eleven vectors on both sides, compared three by three, listed four by four."""
    monkeypatch.setattr(compare, "PIECE", 3)
    monkeypatch.setattr(compare_vectors, "PAGE", 4)
    world, names = place(index=SMALL), [f"id-{number:02}" for number in range(1, 22, 2)]
    for region in (world.blue, world.green):
        made = [(name, [1.0, number + 0.1, 0, 0, 0, 0, 0, 0]) for number, name in enumerate(names)]
        world.index(region, SMALL).upsert(vectors=made, namespace=world.id.hex, show_progress=False)
    return world, names


def in_pieces(taken: Any, after: Any = ()) -> tuple[compare.Digests, list[Any]]:
    """What the pieces found together, and how far each was."""
    whole, ends = compare.Digests({}, {}), []
    for found, last in compare_vectors.pieces(taken, after):
        assert not found.source.keys() & whole.source.keys() and len(found.source) <= 3
        whole.source.update(found.source)
        whole.target.update(found.target)
        ends.append(last)
    return whole, ends


def test_from_behind_any_piece_it_goes_on(numbered: tuple[Outside, list[str]]) -> None:
    """Where the pages stand is a hint: one that the index knows no more, or that begins too late, is not believed."""
    world, names = numbered
    taken, calls = world.take(1)[0], []
    whole, ends = in_pieces(taken)
    assert whole.ok and sorted(whole.source) == names and [end[0] for end in ends] == [names[i] for i in (2, 5, 8, 10)]
    late = ends[2][1:]
    for end in ends:
        behind = {name: told for name, told in whole.source.items() if name > end[0]}
        for pages in (end[1:], [None, None], ["of another index", end[2]], late):
            calls.append(in_pieces(taken, [end[0], *pages])[0])
            assert calls[-1].source == calls[-1].target == behind
    world.index(world.green, SMALL).delete(ids=names[4:8], namespace=world.id.hex)  # a page that was kept is empty
    assert in_pieces(taken, ends[1])[0].mismatches == names[6:8]


@pytest.mark.parametrize("side", [0, 1])
def test_what_differs_is_found_in_any_piece_and_between_them(numbered: tuple[Outside, list[str]], side: int) -> None:
    world, names = numbered
    taken, of = world.take(1)[0], {"namespace": world.id.hex}
    index = world.index((world.blue, world.green)[side], SMALL)
    for number, name in enumerate(names):
        before = index.fetch(ids=[name], **of).vectors[name].values
        for flaw in (one_bit, missing):
            flaw(index, name, of)
            assert in_pieces(taken)[0].mismatches == [name], f"{flaw.__name__} of {name}"
            index.upsert(vectors=[(name, before)], show_progress=False, **of)
        stray = f"id-{2 * number:02}"
        index.upsert(vectors=[(stray, [1.0] * 8)], show_progress=False, **of)
        assert in_pieces(taken)[0].mismatches == [stray]
        index.delete(ids=[stray], **of)
    for stray in ("a", "z"):
        index.upsert(vectors=[(stray, [1.0] * 8)], show_progress=False, **of)
        assert in_pieces(taken)[0].mismatches == [stray]
        index.delete(ids=[stray], **of)
    assert in_pieces(taken)[0].ok


def test_rows_and_an_index_list_alike(place: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ordinals of two figures, too: ids are in the order of their bytes on both sides."""
    monkeypatch.setattr(compare, "PIECE", 3)
    monkeypatch.setattr(compare_vectors, "PAGE", 4)
    monkeypatch.setattr(compare_vectors, "MANY", 5)
    world = place(PINECONE, PGVECTOR)
    with platform(world, world.blue) as home:
        for text in ("harbour", "ferry"):
            home.ingest(text, 12)
    copied(taken := world.take(1)[0])
    for way in (taken, taken.reversed()):
        whole, ends = in_pieces(way)
        assert whole.ok and len(whole.source) == 24 and len(ends) == 8
        assert all(len(in_pieces(way, end)[0].source) == 24 - 3 * (place + 1) for place, end in enumerate(ends))


def test_an_index_that_does_not_list_in_order_is_not_compared(
    numbered: tuple[Outside, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def backwards(*given: Any) -> dict[str, Any]:
        answer = data.list_ids(*given)
        return {**answer, "vectors": answer["vectors"][::-1]}

    monkeypatch.setitem(app.GETS, "/vectors/list", backwards)
    with pytest.raises(Permanent, match="does not list ids in order"):
        in_pieces(numbered[0].take(1)[0])


def test_rows_have_no_place_for_metadata(place: Make) -> None:
    world = place(PINECONE, PGVECTOR)
    with platform(world, world.blue) as home:
        name = f"{home.ingest('harbour').hex}#0"
    world.index(world.blue).update(id=name, set_metadata={"lang": "en"}, namespace=world.id.hex)
    with pytest.raises(Permanent, match="metadata"):
        copied(world.take(1)[0])


@contextmanager
def arriving(stack: Stack, home: Platform) -> Iterator[None]:
    """Meanwhile a document's vectors arrive, and the transaction that says so is ended by the fence alone."""
    world = home.world
    document = home.ingest("at the last moment", settle=False)
    drained(world.take(1)[0])
    home.store.upsert(home.binding, document, [embed("at the last"), embed("moment")])  # type: ignore[attr-defined]

    begun = threading.Event()

    def strike() -> None:
        with superuser(stack, world.blue) as seen, home.database.tenant(home.binding) as db:
            db.execute("DELETE FROM rag.document_outbox")
            begun.set()
            while seen.execute(WAITED_FOR).fetchone() is None:
                pass

    striking = threading.Thread(target=strike)
    striking.start()
    assert begun.wait(120)
    yield
    striking.join()


def test_a_pause_that_the_index_does_not_keep_to_changes_nothing(
    stack: Stack, place: Make, lag: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    world = place()
    with platform(world, world.blue) as home:
        copied(world.take(1)[0])
        taken, control = world.take(1)
        with arriving(stack, home):
            lag[0] = 1.0
            with pytest.raises(switch.OverBudget, match="vectors changed to the last"):
                switch.switch(taken, control, 500)
    assert control.placement().owner == world.blue.name
    lag[0] = 0.0
    with platform(world, world.blue, control.placement().epoch) as home, arriving(stack, home):
        done = switch.switch(taken, control, 5_000)
    assert control.placement().owner == world.green.name and world.vectors(world.green) == world.vectors(world.blue)
    with capsys.disabled():
        print(f"\n[{done.keys_inside} keys and their vectors inside the pause: {done.pause_ms:.0f} ms]")


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_a_platform_that_writes_all_the_way_loses_no_vector(place: Make, here: str, there: str) -> None:
    world, made = place(here, there), []

    def write() -> None:
        with platform(world, world.blue) as home, suppress(Moved):
            while True:
                made.append(home.ingest(f"harbour {len(made)}", settle=False))
                home.settle(made[-1])
                if len(made) % 5 == 0:
                    home.delete(made[-2], settle=False)
                    home.settle(made.pop(-2))

    writing = threading.Thread(target=write)
    writing.start()
    taken, control = world.take(1)
    copied(taken)
    for _ in range(3):
        rounds.round(taken)
        assert not compare_vectors.compare(taken).mismatches, "what is under way is left out, and all else is equal"
    switch.switch(taken, control, 5_000)
    writing.join()
    with platform(world, world.green, control.placement().epoch) as away:
        assert all(away.settle(document) for document in made) and made
        held = set(world.vectors(world.green)) if there == PINECONE else away.rows()
    assert {f"{document.hex}#{ordinal}" for document in made for ordinal in range(2)} == held


def test_an_overtaken_mover_writes_nothing(place: Make) -> None:
    world = place()
    with platform(world, world.blue) as home:
        copied(taken := world.take(1)[0])
        home.ingest("harbour")
    world.take(2)
    with pytest.raises(Overtaken):
        rounds.round(taken)
    assert world.vectors(world.green) == {} != world.vectors(world.blue)


def dying(work: Callable[[], Any], at: int) -> None:
    """The work, in a process that is killed before or after one of its calls to Pinecone."""
    for cached in (pinecone.opened, pinecone._client):
        cached.cache_clear()  # the parent's connections are not this process's
    passed, called = 0, pinecone.called

    def point() -> None:
        nonlocal passed
        passed += 1
        if passed == at:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def counted(*arguments: Any, **more: Any) -> Iterator[None]:
        point()
        with called(*arguments, **more):
            yield
        point()

    pinecone.called = counted
    work()


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_killed_between_two_calls(place: Make, here: str, there: str) -> None:
    points = range(1, 200)
    for at in points if WHOLE else [random.Random(f"{SEED} {here} {there}").randrange(1, 30)]:
        world = place(here, there)
        with platform(world, world.blue) as home:
            dropped = home.ingest("island ferry")
            home.ingest("harbour lights", 3)
            ended = kills.wait(kills.fork(lambda w=world, at=at: dying(lambda: moved(w), at)))  # type: ignore[misc]
            assert ended in (0, -signal.SIGKILL), f"point {at}, {here} to {there}, seed {SEED}"
            if ended:
                home.delete(dropped)
                moved(world, 2)
        found = compare_vectors.compare(world.take(3)[0])
        assert found.ok and found.keys == (3 if ended else 5), f"point {at}, {here} to {there}, seed {SEED}"
        if not ended:
            return
    assert not WHOLE, "the sweep ended before the mover did"
