"""`manage.py apikey`: made once, shown once, ended at once."""

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from arbsite.models import ApiKey


@pytest.fixture
def agent(db):
    return get_user_model().objects.create_user("agent")


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command("apikey", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_key_is_shown_once_and_kept_as_a_hash(agent, client):
    out, _ = run("create", "agent", "--name", "bot", "--scopes", "trade", "read")
    text = out.strip()
    key = ApiKey.objects.get()
    assert text.startswith(f"{key.prefix}.")
    assert text.split(".", 1)[1] not in "".join(str(value) for value in vars(key).values())
    assert key.scopes == ["read", "trade"]
    listed, _ = run("list")
    assert key.prefix in listed and "active" in listed and text not in listed
    assert client.get("/api/v1/schema", headers={"X-Clawdbot-Key": text}).status_code == 200


def test_a_revoked_key_opens_nothing(agent, client):
    text = run("create", "agent", "--name", "bot")[0].strip()
    run("revoke", ApiKey.objects.get().prefix)
    assert "revoked" in run("list")[0]
    assert client.get("/api/v1/schema", headers={"X-Clawdbot-Key": text}).status_code == 401
    with pytest.raises(CommandError, match="no key"):
        run("revoke", ApiKey.objects.get().prefix)


def test_a_key_needs_an_active_user(agent):
    with pytest.raises(CommandError, match="nobody"):
        run("create", "nobody", "--name", "bot")
    agent.is_active = False
    agent.save()
    with pytest.raises(CommandError, match="agent"):
        run("create", "agent", "--name", "bot")


def test_a_user_without_permissions_is_pointed_out(agent):
    assert "no permission" in run("create", "agent", "--name", "bot")[1]
