"""The order of a market's near ones: cosine of features, token-sort ratio, and word embeddings if they are there.

The embedding model (wordllama) reads its weights from its own package; nothing is fetched. It only breaks ties between
texts that say one thing in different words; without it the order is that of the letters.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz import fuzz

EMBED_UP_TO = 20_000  # texts of one side; beyond that letters alone keep a full scan within minutes


@cache
def model() -> Any:
    """The embedding model, or None where its package or weights are missing."""
    try:
        import wordllama
    except ImportError:
        return None
    try:
        return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    except (FileNotFoundError, OSError, ValueError):
        return None


def embed(texts: Sequence[str]) -> np.ndarray | None:
    """Rows of unit length, or None without a model."""
    llama = model()
    if llama is None:
        return None
    rows = np.asarray(llama.embed(list(texts)), dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    norms[norms == 0] = 1
    return rows / norms


def rank(
    rows: Sequence[str],
    columns: Sequence[str],
    near: Iterable[tuple[Sequence[int], Sequence[float]]],
    best: int,
    *,
    meaning: bool,
) -> Iterator[tuple[int, int]]:
    """For each row its `best` columns among those near it: mean of cosine, token-sort ratio and meaning."""
    small = meaning and max(len(rows), len(columns)) <= EMBED_UP_TO
    mine, theirs = (embed(rows), embed(columns)) if small else (None, None)
    for i, (places, cosines) in enumerate(near):
        if len(places) <= best:
            yield from ((i, j) for j in places)
            continue
        text = rows[i]
        scores = [
            cosine + fuzz.token_sort_ratio(text, columns[j]) / 100
            for j, cosine in zip(places, cosines, strict=True)
        ]
        if mine is not None and theirs is not None:
            scores = [
                score + float(m) for score, m in zip(scores, theirs[list(places)] @ mine[i], strict=True)
            ]
        order = sorted(
            zip(scores, places, strict=True), key=lambda pair: (-round(pair[0], 3), columns[pair[1]], pair[1])
        )
        yield from ((i, j) for _, j in order[:best])
