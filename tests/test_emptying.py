"""What a test with real transactions wrote is gone before the next one, and what was there from the beginning is there."""

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection
from django.test import TransactionTestCase

from arbsite.models import Notice
from execution.models import RiskLimit
from signals.models import WhaleTrigger
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def begin_anew() -> None:
    """As at the end of a test."""
    TransactionTestCase()._fixture_teardown()


def a_limit() -> RiskLimit:
    """Of a table whose rows may be neither changed nor removed."""
    return RiskLimit.objects.create(name="max_open_orders", value=1, set_by=factories.a_person())


def test_what_was_written_is_gone_though_the_table_refuses_to_lose_rows():
    a_limit()
    Notice.objects.record("test", "x", "a test", at=factories.NOW)
    begin_anew()
    assert not RiskLimit.objects.exists() and not Notice.objects.exists()


def test_the_tables_refuse_again_afterwards():
    begin_anew()
    row = a_limit()
    with pytest.raises(IntegrityError, match="never changed"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM risk_limits WHERE id = %s", [row.pk])


def test_what_was_there_from_the_beginning_stays():
    permissions, triggers = Permission.objects.count(), WhaleTrigger.objects.count()
    assert permissions and triggers
    Notice.objects.record("test", "x", "a test", at=factories.NOW)
    begin_anew()
    assert (Permission.objects.count(), WhaleTrigger.objects.count()) == (permissions, triggers)


@pytest.mark.parametrize("harm", ["changed", "removed"])
def test_what_was_there_from_the_beginning_comes_back(harm):
    before = set(WhaleTrigger.objects.values_list("name", "enabled"))
    if harm == "changed":
        WhaleTrigger.objects.update(enabled=False)
    else:
        WhaleTrigger.objects.all().delete()
    begin_anew()
    assert set(WhaleTrigger.objects.values_list("name", "enabled")) == before
