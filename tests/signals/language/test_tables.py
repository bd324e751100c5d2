"""The word lists are what they look like: words, none read by YAML as true or false, in the form they are compared in."""

import pytest

from markets.matching.text import fold
from signals.language import tables


def leaves(value):
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield value


@pytest.mark.parametrize("path", sorted(tables.FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_no_word_became_true_or_false(path):
    assert not [one for one in leaves(tables.document(path.name)) if isinstance(one, bool) or one is None]


@pytest.mark.parametrize("key", ["good", "bad", "over", "under", "denials", "plain_names", "attributes"])
def test_cues_are_written_as_they_are_compared(key):
    words = tables.document("cues.yaml")[key]
    assert [word for word in words if fold(word) != word] == []


def test_the_lexicon_is_as_large_as_promised():
    assert len(tables.numbers("lexicon.yaml", "words")) >= 80
