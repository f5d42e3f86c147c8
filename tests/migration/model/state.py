"""One moment of a move, as plain tuples: a moment is a key in a set, and two that are equal are one.

Stores and who writes in them: 0 is blue, 1 is green. A row is its value, 0 where there is none. A dirty entry is
(seq, key). A suspended tenant has an odd status_version. What begins with `was_` is not in the protocol: it is the
memory of the invariants.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from .faults import NONE, Faults

BLUE, GREEN = 0, 1
COLOURS = ("blue", "green")
CLOSED, OPEN, FENCED = "closed", "open", "fenced"
Rows = tuple[int, int]
Dirty = tuple[tuple[int, int], ...]


class Broken(Exception):
    """An invariant does not hold: which, and by what step if it is known only there."""

    def __init__(self, what: str, *steps: str) -> None:
        super().__init__(what)
        self.steps = steps


class Fence(NamedTuple):
    """The tenant's row that the guard reads. `capture` is the generation that captures, 0 when off."""

    state: str
    epoch: int
    capture: int
    status: int


class Snap(NamedTuple):
    """What one held snapshot shows of a store."""

    rows: Rows
    dirty: Dirty


class Store(NamedTuple):
    """What is durable in one store."""

    rows: Rows
    fence: Fence
    job: int  # the job_epoch that control has pushed here
    dirty: Dirty = ()
    seq: int = 0
    ledger: tuple[int, int] = (0, 0)  # as a target: the capture generation it copies, and a bit per key still to copy
    was_seq: int = 0
    was_status: int = 0
    exported: Snap | None = None  # what the name of a held snapshot leads to


class Control(NamedTuple):
    """What is durable in the control database: placement, the counters, the tenant's status."""

    owner: int = BLUE
    epoch: int = 1
    counter: int = 1  # the last routing_epoch taken
    job: int = 1
    generation: int = 1
    status: int = 0


class Writer(NamedTuple):
    """A client: how much of its script is done, and its transaction, if it is in one."""

    done: int = 0
    at: str = "idle"
    store: int = 0
    seen: Fence | None = None  # the fence row in a snapshot reader's snapshot
    seq: int = 0


class Round(NamedTuple):
    """One round between two commits: what it carries of what was dirty at S, and all rows at S."""

    stage: str
    dirty: Dirty
    rows: Rows
    is_whole: bool  # nothing dirty was left out
    is_held: bool = False  # as of a snapshot that is held for a comparison
    is_later: bool = False  # than one that is held for a comparison


class Comparison(NamedTuple):
    """What control notes of a comparison: what its snapshots show, how far it is, a bit per key already compared."""

    generation: int
    mine: Snap | None = None
    is_carried: bool = False
    theirs: Snap | None = None
    is_passed: bool = False  # the target's ledger has a round of a later snapshot
    done: int = 0


class Mover(NamedTuple):
    """One incarnation of the mover: what it remembers between two commits, and loses when it dies."""

    job: int
    at: str = "tick"
    source: int = BLUE
    epoch: int = 0  # taken for this attempt
    expects: int = 0  # placement's epoch when the attempt began
    chunk: tuple[int, int] | None = None  # key, value
    round: Round | None = None


class World(NamedTuple):
    """Everything."""

    stores: tuple[Store, Store]
    control: Control
    writers: tuple[Writer, Writer]
    mover: Mover
    zombie: Mover | None
    truth: Rows  # the acknowledged history
    was_placed: int  # a bit for each (epoch, owner) that a router may hold
    was_open: int  # a bit for each epoch at which a store has been open
    comparison: Comparison | None = None
    asked: int = 0  # comparisons so far
    lost: int = 0  # snapshots that went with their holder or their server


@dataclass(frozen=True)
class Scene:
    """How far the search goes: what clients write (key, value; 0 deletes), and how often what may happen."""

    name: str
    scripts: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
    epochs: int = 2
    jobs: int = 1
    generations: int = 1
    statuses: int = 0
    most: int = 9  # dirty entries in one round
    comparisons: int = 0
    losses: int = 0
    faults: Faults = NONE


def start() -> World:
    """Blue serves at epoch 1 and has one of the two rows; green has been provisioned, closed."""
    rows = (1, 0)
    blue = Store(rows, Fence(OPEN, 1, 0, 0), 1)
    green = Store((0, 0), Fence(CLOSED, 0, 0, 0), 1)
    return World((blue, green), Control(), (Writer(), Writer()), Mover(1), None, rows, bit(1, BLUE), 1 << 1)


def bit(epoch: int, owner: int) -> int:
    return 1 << (2 * epoch + owner)


def put(world: World, which: int, **changes: Any) -> World:
    """The world with one store changed."""
    blue, green = world.stores
    if which == BLUE:
        return world._replace(stores=(blue._replace(**changes), green))
    return world._replace(stores=(blue, green._replace(**changes)))


def put_row(rows: Rows, key: int, value: int) -> Rows:
    return (value, rows[1]) if key == 0 else (rows[0], value)


def put_fence(world: World, which: int, **changes: Any) -> World:
    """The world with one fence row changed. Who calls this has the tenant's exclusive lock: see `is_drained`."""
    return put(world, which, fence=world.stores[which].fence._replace(**changes))


def is_drained(world: World, which: int) -> bool:
    """The tenant's exclusive advisory lock can be had: no transaction in this store is past its guard."""
    return all(writer.at != "passed" or writer.store != which for writer in world.writers)


def accepts(fence: Fence) -> bool:
    return fence.state == OPEN and not fence.status % 2
