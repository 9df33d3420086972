"""What a window's pack and Professional Edition say of it, on the window itself, so
that the quota of every page is read from one index."""

from django.db import migrations, models

SHUT = """
UPDATE quota_quotawindow w
SET shut_at = coalesce(p.frozen_at, s.refunded_at)
FROM quota_quotapack p
JOIN quota_subscription s ON s.account_id = p.account_id AND s.id = p.subscription_id
WHERE p.account_id = w.account_id AND p.id = w.pack_id
  AND (p.frozen_at IS NOT NULL
       OR (s.refunded_at IS NOT NULL AND w.ends_at > s.ends_at))
"""


class Migration(migrations.Migration):
    """A date, set where there was a refund."""

    dependencies = [("quota", "0044_auto_renewal_is_switched_by_somebody")]
    operations = [
        migrations.AddField(
            "quotawindow", "shut_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.RunSQL(SHUT, migrations.RunSQL.noop),
    ]
