"""The executor asks every second which plans wait, and every few seconds whose fills are missing: few of very many rows."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("execution", "0006_orders_begin_planned")]

    operations = [
        migrations.AddIndex(
            model_name="plan",
            index=models.Index(
                fields=["created_at", "id"],
                condition=models.Q(status__in=("PLANNED", "EXECUTING")),
                name="idx_plans_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["mode", "platform"],
                condition=models.Q(matched_qty__gt=models.F("filled_qty")),
                name="idx_orders_unbooked",
            ),
        ),
        migrations.AlterField(  # `idx_plan_steps_plan` begins with it
            model_name="planstep",
            name="plan",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steps",
                to="execution.plan",
            ),
        ),
    ]
