"""The word lists of `data/*.yaml`, read once. They are ours: written for this program, changed like code."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from markets.matching import tables as market_tables

FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Entity:
    """Somebody or something with a name. `facts` is what the market matcher calls it, as `coin:btc`."""

    name: str
    kind: str
    topics: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@cache
def document(name: str) -> Any:
    """One file of the folder, as YAML reads it. Treat it as read-only."""
    with (FOLDER / name).open(encoding="utf-8") as file:
        return yaml.safe_load(file)


@cache
def entities() -> dict[str, Entity | None]:
    """Alias, as written → entity; None for a phrase that means nobody."""
    found: dict[str, Entity | None] = dict.fromkeys(document("entities.yaml")["nothing"])
    for row in document("entities.yaml")["entities"]:
        entity = Entity(row["name"], row["kind"], tuple(row.get("topics", ())), tuple(row.get("facts", ())))
        for alias in row["aliases"]:
            found[alias] = entity
    return found


@cache
def topics() -> dict[str, tuple[str, ...]]:
    """Alias, as written → the topics it belongs to."""
    found: dict[str, tuple[str, ...]] = {}
    for topic, aliases in document("topics.yaml").items():
        for alias in aliases:
            found[alias] = (*found.get(alias, ()), topic)
    return found


@cache
def words(name: str, key: str) -> frozenset[str]:
    """One list of words of one file."""
    listed = document(name)[key]
    assert all(isinstance(word, str) for word in listed), (
        f"{name}: quote what YAML reads as true or false ({key})"
    )
    return frozenset(listed)


@cache
def numbers(name: str, key: str) -> Mapping[str, float]:
    """One table of weights of one file."""
    return {str(word): float(value) for word, value in document(name)[key].items()}


@cache
def given() -> frozenset[str]:
    """Names that people are given: the matcher's, and some more that headlines use."""
    return market_tables.given_names() | words("names.yaml", "given")
