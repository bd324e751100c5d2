"""Orders and plans move only as `execution/lifecycle.py` permits; what is history is never changed.

The moves are written out here as they were when this migration was made; a test ties the newest ones to the table.
"""

from django.db import migrations

ORDERS = {
    "PLANNED": ["SUBMITTED", "REJECTED", "ABANDONED"],
    "SUBMITTED": ["OPEN", "PARTIAL", "FILLED", "CANCELLED", "REJECTED", "UNKNOWN"],
    "UNKNOWN": ["OPEN", "PARTIAL", "FILLED", "CANCELLED", "REJECTED", "ABANDONED", "SUBMITTED"],
    "OPEN": ["PARTIAL", "FILLED", "CANCELLING", "CANCELLED"],
    "PARTIAL": ["FILLED", "CANCELLING", "CANCELLED"],
    "CANCELLING": ["OPEN", "PARTIAL", "FILLED", "CANCELLED"],
    "FILLED": ["FAILED"],
    "CANCELLED": ["FILLED", "FAILED"],
    "ABANDONED": ["OPEN", "PARTIAL", "FILLED", "CANCELLED"],
}
PLANS = {
    "PLANNED": ["EXECUTING", "ABANDONED"],
    "EXECUTING": ["FILLED", "PARTIAL", "UNWOUND", "ABANDONED"],
    "PARTIAL": ["EXECUTING", "FILLED", "UNWOUND"],
    "FILLED": ["EXECUTING"],
    "UNWOUND": ["EXECUTING"],
    "ABANDONED": ["EXECUTING"],
}


def guard(table: str, moves: dict[str, list[str]]) -> str:
    """A trigger that refuses every other move of `status`."""
    pairs = ", ".join(f"('{old}', '{new}')" for old, following in moves.items() for new in following)
    return f"""
CREATE OR REPLACE FUNCTION {table}_may_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.status, NEW.status) NOT IN ({pairs}) THEN
    RAISE EXCEPTION '% cannot go from % to %', OLD.id, OLD.status, NEW.status
      USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_may_move';
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS {table}_may_move ON {table};
CREATE TRIGGER {table}_may_move BEFORE UPDATE OF status ON {table} FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION {table}_may_move();
"""


def unguard(table: str) -> str:
    return f"DROP TRIGGER {table}_may_move ON {table}; DROP FUNCTION {table}_may_move();"


def frozen(table: str) -> str:
    """A trigger that refuses every change and removal."""
    return (
        f"CREATE TRIGGER {table}_are_never_changed BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change();"
    )


def unfrozen(table: str) -> str:
    return f"DROP TRIGGER {table}_are_never_changed ON {table};"


class Migration(migrations.Migration):
    dependencies = [("execution", "0003_trading")]

    operations = [
        migrations.RunSQL(guard("orders", ORDERS), unguard("orders")),
        migrations.RunSQL(guard("plans", PLANS), unguard("plans")),
        *(migrations.RunSQL(frozen(table), unfrozen(table)) for table in ("risk_limits", "cash_movements", "plan_steps")),
    ]
