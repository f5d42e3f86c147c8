"""Deterministic local embeddings: the same text gives the same vector on every machine, without a model.

Feature hashing with the signed trick: Weinberger, Dasgupta, Langford, Smola, Attenberg, "Feature hashing for large
scale multitask learning", ICML 2009. The sign makes collisions cancel in expectation, so inner products of hashed
vectors are unbiased estimates of those of the full ones.
"""

import hashlib
import math
import re
from array import array
from collections import Counter
from functools import lru_cache
from itertools import pairwise

DIMENSIONS = 256
# A pair of neighbouring words counts half a word: pairs are many, and each takes room among 256 dimensions.
PAIR_WEIGHT = 0.5
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# Words that say nothing of the subject would fill the dimensions with noise.
STOPWORDS = frozenset(
    "a about after all also an and any are as at be been but by can could did do does for from had has have how i if "
    "in into is it its may more most must no not of on one only or other our out over shall should so some such than "
    "that the their them then there these they this those to under up use used using was we were what when where "
    "which who will with would you your".split()
)


def embed(text: str) -> "array[float]":
    """A unit vector of DIMENSIONS floats; the zero vector when the text holds no word."""
    vector = [0.0] * DIMENSIONS
    for feature, weight in features(text).items():
        index, sign = _place(feature)
        vector[index] += sign * weight
    norm = math.hypot(*vector)
    return array("f", (value / norm for value in vector) if norm else vector)


def features(text: str) -> dict[str, float]:
    """Words and pairs of neighbouring words with their weights: sublinear term frequency, 1 + ln tf."""
    tokens = words(text)
    weights = {word: 1.0 + math.log(count) for word, count in Counter(tokens).items()}
    pairs = Counter(f"{first} {second}" for first, second in pairwise(tokens))
    weights.update({pair: PAIR_WEIGHT * (1.0 + math.log(count)) for pair, count in pairs.items()})
    return weights


def similarity(one: dict[str, float], other: dict[str, float]) -> float:
    """The cosine of two feature sets as they were before hashing: no collisions, so fit for the final order."""
    norm = math.hypot(*one.values()) * math.hypot(*other.values())
    return sum(weight * other.get(feature, 0.0) for feature, weight in one.items()) / norm if norm else 0.0


def words(text: str) -> list[str]:
    """The words that count, folded to lower case and without a plural s."""
    return [_stem(word) for word in WORD.findall(text.lower()) if word not in STOPWORDS]


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@lru_cache(maxsize=200_000)
def _place(feature: str) -> tuple[int, float]:
    digest = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return digest % DIMENSIONS, 1.0 if digest >> 63 else -1.0
