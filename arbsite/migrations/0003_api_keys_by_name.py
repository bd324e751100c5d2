"""The admin spells API keys as people do; no table changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("arbsite", "0002_notices_are_never_changed")]

    operations = [
        migrations.AlterModelOptions(
            name="apikey", options={"verbose_name": "API key", "verbose_name_plural": "API keys"}
        )
    ]
