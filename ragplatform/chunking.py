"""Cuts a document into the passages that are embedded and returned."""

import re
from collections.abc import Iterator

# About a hundred words: long enough to answer, short enough that a question's few words weigh something in it.
TARGET, LONGEST = 600, 1_200
BREAK = re.compile(r"\n\s*\n")
SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n")


def split(text: str) -> list[str]:
    """Passages in reading order that together hold all words of the text, each at most LONGEST characters."""
    chunks: list[str] = []
    pending = ""
    for piece in _pieces(text):
        if pending and len(pending) + len(piece) + 1 > TARGET:
            chunks.append(pending)
            pending = piece
        else:
            pending = f"{pending}\n{piece}" if pending else piece
    return [*chunks, pending] if pending else chunks


def _pieces(text: str) -> Iterator[str]:
    for paragraph in BREAK.split(text):
        paragraph = paragraph.strip()
        if len(paragraph) <= TARGET:
            yield from [paragraph] if paragraph else []
        else:
            for sentence in SENTENCE.split(paragraph):
                yield from _cut(sentence.strip())


def _cut(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST:
        at = sentence.rfind(" ", TARGET, LONGEST)
        at = LONGEST if at < 0 else at
        yield sentence[:at]
        sentence = sentence[at:].lstrip()
    if sentence:
        yield sentence
