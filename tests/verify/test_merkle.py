"""Trees and proofs are those of RFC 9162, and a proof that was touched anywhere is refused."""

from hashlib import sha256

import pytest
from bailiwick_proof import merkle
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.tiles import Tile, hashes_from_tiles, tile_data, tiles
from hypothesis import given
from hypothesis import strategies as st

# The vectors of Certificate Transparency's reference implementation, which RFC 6962 implementations share.
ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [merkle.leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]
MANY = [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(1100)]


def of_eight(level: int, index: int) -> bytes:
    return merkle.root(LEAVES[index << level : (index + 1) << level])


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def hash_at(level: int, index: int) -> bytes:
    assert (index + 1) << level <= len(MANY), "only complete subtrees may be asked for"
    return by_definition(MANY[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


def test_known_inclusion_proof() -> None:
    proof = merkle.inclusion_proof(0, 8, of_eight)
    assert [step.hex() for step in proof] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_known_consistency_proof() -> None:
    proof = merkle.consistency_proof(6, 8, of_eight)
    assert [step.hex() for step in proof] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize("size", range(1, 34))
def test_every_proof_of_a_small_tree(size: int) -> None:
    root = by_definition(MANY[:size])
    for index in range(size):
        merkle.verify_inclusion(MANY[index], index, size, merkle.inclusion_proof(index, size, hash_at), root)
    for old in range(size + 1):
        proof = merkle.consistency_proof(old, size, hash_at)
        merkle.verify_consistency(old, size, proof, by_definition(MANY[:old]), root)


@given(st.data())
def test_proofs_of_any_tree(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(MANY)))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    root, before = by_definition(MANY[:size]), by_definition(MANY[:old])
    assert merkle.root_at(size, hash_at) == root
    inclusion, consistency = merkle.inclusion_proof(index, size, hash_at), merkle.consistency_proof(old, size, hash_at)
    merkle.verify_inclusion(MANY[index], index, size, inclusion, root)
    merkle.verify_consistency(old, size, consistency, before, root)


@given(st.data())
def test_a_touched_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    root, proof = by_definition(MANY[:size]), merkle.inclusion_proof(index, size, hash_at)
    other = data.draw(st.integers(-1, size + 2).filter(lambda at: at != index))
    attempts = [
        (MANY[index], other, proof),  # another place
        (MANY[index], index, [*proof, bytes(32)]),  # a trailing hash
        (MANY[index + 1], index, proof),  # another leaf
    ]
    if proof:
        step = data.draw(st.integers(0, len(proof) - 1))
        node = merkle.node_hash(proof[0], MANY[index]) if index & 1 else merkle.node_hash(MANY[index], proof[0])
        attempts += [
            (MANY[index], index, proof[:step] + proof[step + 1 :]),
            (MANY[index], index, [*proof[:step], bytes(32), *proof[step + 1 :]]),
            (node, index, proof[1:]),  # an inner node as a leaf
            (node, index >> 1, proof[1:]),
        ]
    for leaf, at, steps in attempts:
        with pytest.raises(Unproven):
            merkle.verify_inclusion(leaf, at, size, steps, root)


def test_an_inner_node_is_no_entry() -> None:
    """Whoever offers the two hashes under a node as an entry gets another leaf hash: 0x00 is not 0x01."""
    inner = LEAVES[0] + LEAVES[1]
    with pytest.raises(Unproven):
        merkle.verify_inclusion(merkle.leaf_hash(inner), 0, 1, [], merkle.root(LEAVES[:2]))


@given(st.data())
def test_a_touched_consistency_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    old = data.draw(st.integers(1, size - 1))
    before, root = by_definition(MANY[:old]), by_definition(MANY[:size])
    proof = merkle.consistency_proof(old, size, hash_at)
    step = data.draw(st.integers(0, len(proof) - 1))
    for steps in (
        [*proof, bytes(32)],
        proof[:step] + proof[step + 1 :],
        [*proof[:step], bytes(32), *proof[step + 1 :]],
    ):
        with pytest.raises(Unproven):
            merkle.verify_consistency(old, size, steps, before, root)
    for first, second in ((bytes(32), root), (before, bytes(32))):
        with pytest.raises(Unproven):
            merkle.verify_consistency(old, size, proof, first, second)


@pytest.mark.parametrize(("old", "new", "proof"), [(3, 2, []), (-1, 2, []), (2, 2, [bytes(32)]), (0, 2, [bytes(32)])])
def test_sizes_that_cannot_be(old: int, new: int, proof: list[bytes]) -> None:
    with pytest.raises(Unproven):
        merkle.verify_consistency(old, new, proof, merkle.root(LEAVES[: max(old, 0)]), merkle.root(LEAVES[:new]))


@given(st.lists(st.integers(0, 120), max_size=8))
def test_a_frontier_grows_like_the_tree(steps: list[int]) -> None:
    frontier, done = merkle.Frontier(), 0
    for step in steps:
        frontier = merkle.Frontier.from_bytes(frontier.extend(MANY[done : done + step]).to_bytes())
        done += step
        assert frontier.size == done
        assert frontier.root() == by_definition(MANY[:done])


def test_a_frontier_that_is_none() -> None:
    for data in (b"", bytes(7), (3).to_bytes(8, "big") + bytes(32), bytes(9)):
        with pytest.raises(Malformed):
            merkle.Frontier.from_bytes(data)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000])
def test_tiles_give_every_proof(size: int) -> None:
    """A tree written in growing steps is read back from its tiles alone, partial ones included."""
    store: dict[str, bytes] = {}
    old = 0
    for new in (size // 3, size):
        store |= {tile.path: tile_data(tile, hash_at) for tile in tiles(old, new)}
        old = new
    read = hashes_from_tiles(size, lambda tile: store[tile.path])
    root = by_definition(MANY[:size])
    for index in {0, size // 2, size - 1}:
        merkle.verify_inclusion(MANY[index], index, size, merkle.inclusion_proof(index, size, read), root)
    with pytest.raises(ValueError, match="not complete"):
        read(0, size)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(1, 0, 17), "tile/1/000.p/17"),
        (Tile(-1, 999), "tile/entries/999"),
        (Tile(63, 1000, 1), "tile/63/x001/000.p/1"),
    ],
)
def test_tile_paths(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    ["tile/00/000", "tile/0/1", "tile/0/x000/001", "tile/64/000", "tile/0/000.p/256", "tile/0/000.p/0", "tile/0"],
)
def test_paths_that_are_no_tile(path: str) -> None:
    with pytest.raises(Malformed):
        Tile.parse(path)


def test_how_many_tiles() -> None:
    """The example of c2sp.org/tlog-tiles: a tree of 70,000."""
    found = [(tile.level, tile.width) for tile in tiles(0, 70_000)]
    assert found.count((0, 256)) == 273
    assert [one for one in found if one != (0, 256)] == [(0, 112), (1, 256), (1, 17), (2, 1)]
