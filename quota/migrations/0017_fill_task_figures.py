"""Count what ended before tasks kept their figures."""

from django.db import migrations

FILL = """
UPDATE quota_scan SET at_risk = true
WHERE state = 'settled' AND coalesce((found->>'critical')::int, 0)
    + coalesce((found->>'high')::int, 0) + coalesce((found->>'trojans')::int, 0)
    + coalesce((found->>'sensitive')::int, 0) > 0;

UPDATE quota_scantask SET kind = 'repository'
WHERE asked->'selection'->>'kind' = 'repository';

UPDATE quota_scantask t
SET settled = s.settled, released = s.released, failed = s.failed,
    first_scans = s.first_scans, used_tenths = s.used, returned_tenths = s.returned,
    at_risk = s.at_risk, critical = s.critical, high = s.high, trojans = s.trojans,
    sensitive = s.sensitive, begun_at = s.begun_at,
    ended_at = CASE WHEN s.settled + s.released = t.images THEN s.ended_at END
FROM (
    SELECT account_id, task_id,
           count(*) FILTER (WHERE state = 'settled') AS settled,
           count(*) FILTER (WHERE state = 'released') AS released,
           count(*) FILTER (WHERE place = 0) AS failed,
           count(*) FILTER (WHERE state = 'settled' AND reason = 'first')
               AS first_scans,
           coalesce(sum(cost_tenths) FILTER (WHERE state = 'settled'), 0) AS used,
           coalesce(sum(cost_tenths) FILTER (WHERE state = 'released'), 0) AS returned,
           count(*) FILTER (WHERE at_risk) AS at_risk,
           coalesce(sum((found->>'critical')::int), 0) AS critical,
           coalesce(sum((found->>'high')::int), 0) AS high,
           coalesce(sum((found->>'trojans')::int), 0) AS trojans,
           coalesce(sum((found->>'sensitive')::int), 0) AS sensitive,
           min(claimed_at) FILTER (WHERE ended_at IS NOT NULL) AS begun_at,
           max(ended_at) AS ended_at
    FROM quota_scan GROUP BY account_id, task_id
) s
WHERE t.account_id = s.account_id AND t.id = s.task_id
"""


class Migration(migrations.Migration):
    """Going back keeps the figures: the columns go with the migration before."""

    dependencies = [("quota", "0016_task_figures")]
    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
