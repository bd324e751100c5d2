"""What a command says where the database is not what it should be: one sentence, exit status 1."""

import django.core.management
import psycopg
import pytest
from django.db.utils import ProgrammingError

import manage


def fails_with(monkeypatch, cause, *arguments):
    def run(argv):
        raise ProgrammingError(f"{cause}\nLINE 1: SELECT") from cause

    monkeypatch.setattr(django.core.management, "execute_from_command_line", run)
    monkeypatch.setattr("sys.argv", ["manage.py", "source", *arguments])


def test_a_database_without_tables_is_told_in_one_sentence(monkeypatch):
    fails_with(monkeypatch, psycopg.errors.UndefinedTable('relation "sources" does not exist'))
    with pytest.raises(SystemExit) as ended:
        manage.main()
    assert ended.value.code == (
        'The database is not prepared for this version (relation "sources" does not exist). Run `manage.py migrate`.'
    )


def test_another_mistake_of_ours_is_not_hidden(monkeypatch):
    fails_with(monkeypatch, psycopg.errors.SyntaxError("nonsense"))
    with pytest.raises(ProgrammingError):
        manage.main()


def test_who_asks_for_the_traceback_gets_it(monkeypatch):
    fails_with(monkeypatch, psycopg.errors.UndefinedTable("relation"), "--traceback")
    with pytest.raises(ProgrammingError):
        manage.main()
