"""Which movement of the balance the last try to renew knew of."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """None at first: what is suspended now is tried once more."""

    dependencies = [("quota", "0047_every_entry_moves_something")]
    operations = [
        migrations.AddField(
            "subscription",
            "auto_renew_tried_entry",
            models.BigIntegerField(default=0, db_default=0),
        )
    ]
