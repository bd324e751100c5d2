"""A notice is a fact: the database refuses to change one."""

from django.db import migrations

FORBID = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER notices_are_never_changed BEFORE UPDATE ON notices FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
ALLOW = """
DROP TRIGGER notices_are_never_changed ON notices;
DROP FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("arbsite", "0001_initial")]

    operations = [migrations.RunSQL(FORBID, ALLOW)]
