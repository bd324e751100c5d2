"""A fill is money that moved: the database refuses to change one."""

from django.db import migrations

FORBID = """
CREATE TRIGGER fills_are_never_changed BEFORE UPDATE ON fills FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("execution", "0001_initial"), ("arbsite", "0002_notices_are_never_changed")]

    operations = [migrations.RunSQL(FORBID, "DROP TRIGGER fills_are_never_changed ON fills")]
