"""The table of limits in the docs is the table in the code."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from execution.limits import Limits
from execution.risk.limit_names import NAMES

DOCS = Path(__file__).resolve().parents[3] / "docs" / "risk.md"


def rows() -> dict[str, list[str]]:
    table = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_limit_stands_in_the_table_and_no_other():
    assert list(rows()) == list(NAMES)
    assert set(rows()) == set(Limits.__dataclass_fields__) - {"scoped"}


@pytest.mark.parametrize("name", NAMES)
def test_its_row_is_right(name):
    unit, default, scopes, *_ = rows()[name]
    known = NAMES[name]
    assert unit == known.unit
    field = type(settings.ARBSITE.risk).model_fields[known.setting]
    assert Decimal(default) == Decimal(field.default)
    assert tuple(scope for scope in scopes.split(", ") if scope) == known.scopes
