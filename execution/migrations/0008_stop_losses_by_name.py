"""The admin spells stop-losses as people do; no table changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("execution", "0007_indexes_of_frequent_looks")]

    operations = [
        migrations.AlterModelOptions(
            name="stoploss", options={"verbose_name": "stop-loss", "verbose_name_plural": "stop-losses"}
        )
    ]
