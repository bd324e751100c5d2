"""Notices, keys and constraints of the frame."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction

from arbsite.models import ApiKey, Notice, digest_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_notice_cannot_be_changed(db):
    notice = Notice.objects.record("test", "subject", "it happened", at=NOW)
    with pytest.raises(DatabaseError), transaction.atomic():
        Notice.objects.filter(pk=notice.pk).update(message="it did not")
    assert Notice.objects.get(pk=notice.pk).message == "it happened"


def test_only_the_hash_of_a_key_is_kept(db):
    user = get_user_model().objects.create_user("agent")
    _, text = ApiKey.issue(user, "agent", ["read"], now=NOW)
    prefix, secret = text.split(".", 1)
    stored = ApiKey.objects.get(prefix=prefix)
    assert stored.digest == digest_of(secret)
    assert secret not in str(vars(stored))
    assert stored.usable(NOW) and not stored.usable(stored.expires_at)
