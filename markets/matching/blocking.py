"""Candidates without comparing everything with everything.

Every question becomes a few rare features: names, words, pairs of them, numbers, dates, letter triples where words are
few. Features held by more than `CAP` markets of the other side are left out of its posting lists, so the work of one
more market is bounded. Sparse products in chunks give the nearest ones; fuzzy ratios and, where the package is there,
word embeddings order them; only the best are judged.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from zlib import adler32, crc32

import numpy as np
from scipy import sparse

from markets.matching.facts import Facts, facts_of
from markets.matching.fixtures import team_names
from markets.matching.judging import Candidate, judge_facts
from markets.matching.questions import Question
from markets.matching.ranking import rank

CAP = 64  # markets that a feature may point to; commoner features tell nothing apart
NEAREST = 20  # markets per market that are ranked
FLOOR = 0.15  # cosine below which a market is no candidate
CHUNK = 1_000  # rows of one product: bounds the memory
PAIRED = 9  # rarest words of a text whose pairs are features too


def match(
    polymarket: Sequence[Question],
    kalshi: Sequence[Question],
    *,
    per_market: int = 5,
    this_year: int | None = None,
) -> list[Candidate]:
    """The judged candidates, best first: for each market of either side its `per_market` best counterparts.

    The order of the two sequences changes nothing; a repeated id counts once. `this_year` as in `judge`.
    """
    left = [facts_of(question) for question in _ordered(polymarket)]
    right = [facts_of(question) for question in _ordered(kalshi)]
    if not left or not right:
        return []
    found = [judge_facts(left[i], right[j], this_year) for i, j in candidates(left, right, per_market)]
    return sorted(found, key=lambda c: (-c.score, c.polymarket_id, c.kalshi_id))


def _ordered(questions: Iterable[Question]) -> list[Question]:
    unique = {(question.id, question.title, question.outcome_label): question for question in questions}
    return [unique[key] for key in sorted(unique)]


def candidates(
    left: Sequence[Facts], right: Sequence[Facts], per_market: int, *, meaning: bool = True
) -> list[tuple[int, int]]:
    """Index pairs worth judging, ordered. Both directions count: a market may be the best of one that has better ones.

    `meaning` False leaves the embeddings out, as lists beyond `EMBED_UP_TO` do anyway.
    """
    one, two = _matrices(left, right)
    pairs: set[int] = set()  # i * width + j: plain numbers, so that millions cost little
    width = max(1, len(right))
    for rows, columns, flip in ((one, two, False), (two, one, True)):
        near = nearest(rows, columns)
        mine, theirs = (right, left) if flip else (left, right)
        for i, j in rank(
            [f.folded for f in mine], [f.folded for f in theirs], near, per_market, meaning=meaning
        ):
            pairs.add(j * width + i if flip else i * width + j)
    return [divmod(pair, width) for pair in sorted(pairs)]


def features(facts: Facts) -> list[str]:
    """What a question is found by."""
    values = [f"{kind}:{value}" for kind, held in facts.kinds.items() for value in held]
    words = [word[:12] for word in facts.words]
    names = [
        word for name in values if name in facts.aliases for word in facts.aliases[name] if len(word) > 2
    ]
    if facts.fixture:
        sides = (facts.fixture.first, facts.fixture.second)
        words += [f"team {name}" for side in sides for name in team_names(side, facts.league)]
        words += [f"day {facts.question.event_date}"] if facts.question.event_date else []
        words += (
            [f"day {facts.ticker.year}-{facts.ticker.month:02}-{facts.ticker.day:02}"]
            if facts.ticker.day
            else []
        )
    parts = sorted(set(values + words + names))
    numbers = [f"n{value.normalize()}" for bound in facts.bounds for value in bound.values]
    dates = [f"d{window.month}-{window.day}" for window in facts.when.windows]
    if facts.ticker.month and facts.ticker.day:
        dates.append(f"d{facts.ticker.month}-{facts.ticker.day}")
    exact = [f"{one}|{two}" for one in parts for two in sorted({*numbers, *dates})]
    exact += [f"{one}|{two}" for one in sorted(set(numbers)) for two in sorted(set(dates))]
    whole = ["|".join((*sorted(values), *sorted(numbers), *sorted(set(dates))))] if numbers and dates else []
    return [*parts, *numbers, *dates, *exact, *whole, *_pairs(parts), *_grams(facts)]


def _pairs(parts: Sequence[str]) -> list[str]:
    longest = sorted(parts, key=lambda part: (-len(part), part))[:PAIRED]
    return [f"{one}&{two}" for one, two in combinations(sorted(longest), 2)]


def _grams(facts: Facts) -> list[str]:
    """Letter groups of names: `Zelenskyy` finds `Zelensky`, `Won-oh` finds `Won-o`."""
    return sorted(
        {f"~{word[i : i + 4]}" for word in facts.words if len(word) >= 5 for i in range(len(word) - 3)}
    )


def _number(feature: str) -> int:
    """64 bits that stand for a feature, the same in every process."""
    raw = feature.encode()
    return crc32(raw) << 32 | adler32(raw)


def _hashed(side: Sequence[Facts]) -> tuple[np.ndarray, np.ndarray]:
    """Where each row starts, and the features of all rows as numbers."""
    starts, blocks = np.zeros(len(side) + 1, dtype=np.int64), []
    for index, facts in enumerate(side):
        block = np.fromiter({_number(feature) for feature in features(facts)}, dtype=np.uint64)
        starts[index + 1] = starts[index] + len(block)
        blocks.append(block)
    return starts, np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.uint64)


def _matrices(left: Sequence[Facts], right: Sequence[Facts]) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Both sides as rows of weighted features of length one. Features of one side only, or too common, are dropped."""
    sides = [_hashed(left), _hashed(right)]
    (names, many), (others, more) = (np.unique(held, return_counts=True) for _, held in sides)
    shared, one, two = np.intersect1d(names, others, assume_unique=True, return_indices=True)
    first, second = many[one], more[two]
    kept = (first <= CAP) & (second <= CAP)
    weight = np.log((len(left) + len(right)) / (first[kept] + second[kept])) + 0.2
    return _matrix(*sides[0], shared[kept], weight), _matrix(*sides[1], shared[kept], weight)


def _matrix(
    starts: np.ndarray, held: np.ndarray, shared: np.ndarray, weight: np.ndarray
) -> sparse.csr_matrix:
    rows = len(starts) - 1
    if not len(shared):
        return sparse.csr_matrix((rows, 1), dtype=np.float32)
    place = np.minimum(np.searchsorted(shared, held), len(shared) - 1)
    known = shared[place] == held
    row = np.repeat(np.arange(rows), np.diff(starts))[known]
    column = place[known]
    values = weight[column]
    norms = np.sqrt(np.bincount(row, weights=values * values, minlength=rows))
    matrix = sparse.csr_matrix(
        ((values / norms[row]).astype(np.float32), (row, column)), shape=(rows, len(shared))
    )
    matrix.sort_indices()
    return matrix


def nearest(rows: sparse.csr_matrix, columns: sparse.csr_matrix) -> Iterator[tuple[list[int], list[float]]]:
    """For each row the columns of highest cosine above the floor, at most `NEAREST`, and those cosines.

    One row at a time: nothing piles up that would have to be walked again with every market added.
    """
    turned = columns.T.tocsr()
    for start in range(0, rows.shape[0], CHUNK):
        product = rows[start : start + CHUNK] @ turned
        for row in range(product.shape[0]):
            begin, end = product.indptr[row], product.indptr[row + 1]
            values, places = product.data[begin:end], product.indices[begin:end]
            kept = values >= FLOOR
            values, places = np.round(values[kept], 4), places[kept]
            order = np.lexsort((places, -values))[:NEAREST]
            yield places[order].tolist(), values[order].tolist()
