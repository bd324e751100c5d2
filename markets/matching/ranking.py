"""The order of a market's near ones: cosine of features, token-sort ratio, and word embeddings if they are there.

The embedding model (wordllama) reads its weights from its own package; nothing is fetched. It only breaks ties between
texts that say one thing in different words; without it the order is that of the letters.
"""

from collections.abc import Iterator, Sequence
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
    near: Sequence[Sequence[tuple[int, float]]],
    best: int,
    *,
    meaning: bool,
) -> Iterator[tuple[int, int]]:
    """For each row its `best` columns among those near it: mean of cosine, token-sort ratio and meaning."""
    small = meaning and max(len(rows), len(columns)) <= EMBED_UP_TO
    mine, theirs = (embed(rows), embed(columns)) if small else (None, None)
    for i, places in enumerate(near):
        if len(places) <= best:
            yield from ((i, j) for j, _ in places)
            continue
        scores = {j: cosine + fuzz.token_sort_ratio(rows[i], columns[j]) / 100 for j, cosine in places}
        if mine is not None and theirs is not None:
            close = theirs[list(scores)] @ mine[i]
            scores = {j: score + float(m) for (j, score), m in zip(scores.items(), close, strict=True)}
        for j in sorted(scores, key=lambda j: (-round(scores[j], 3), columns[j], j))[:best]:
            yield i, j
