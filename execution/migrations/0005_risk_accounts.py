"""Accounts for what was traded before there were any, and an index for the orders of the last minute.

Paper trading began with money that no row told of; its opening row is written with the next booking.
"""

from django.db import migrations, models

FILL = """
INSERT INTO accounts (mode, platform, shard, cash, invested, updated_at)
SELECT f.mode, f.platform, f.shard, sum(f.cash), 0, now() FROM fills f GROUP BY 1, 2, 3
ON CONFLICT (mode, platform, shard) DO NOTHING;
UPDATE accounts a SET invested = p.paid
  FROM (SELECT mode, platform, sum(paid) AS paid FROM positions WHERE quantity > 0 GROUP BY 1, 2) p
 WHERE p.mode = a.mode AND p.platform = a.platform AND a.shard = 0;
"""


class Migration(migrations.Migration):
    dependencies = [("execution", "0004_moves_are_a_table")]

    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            "order", models.Index(fields=["mode", "-sent_at"], name="idx_orders_sent_at")
        ),
    ]
