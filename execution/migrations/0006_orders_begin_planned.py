"""An order begins PLANNED: nothing can be sent that was not written down as an intent first.

The exceptions: what somebody placed on the platform itself (role HAND), and what was refused before it was an intent.
"""

from django.db import migrations

GUARD = """
CREATE OR REPLACE FUNCTION orders_begin_planned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status IS DISTINCT FROM 'PLANNED' AND NEW.role <> 'HAND' AND NEW.status IS DISTINCT FROM 'REJECTED' THEN
    RAISE EXCEPTION 'order % begins as %, not PLANNED', NEW.id, NEW.status
      USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_begin_planned';
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS orders_begin_planned ON orders;
CREATE TRIGGER orders_begin_planned BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION orders_begin_planned();
"""


class Migration(migrations.Migration):
    dependencies = [("execution", "0005_risk_accounts")]

    operations = [
        migrations.RunSQL(GUARD, "DROP TRIGGER orders_begin_planned ON orders; DROP FUNCTION orders_begin_planned();")
    ]
