"""The findings there are get their groups."""

from django.db import migrations

GROUP = """
INSERT INTO quota_findinggroup (account_id, category, identifier, package, severity,
    rank, title, fixed_version, source, images, open_images, decided, first_seen_at)
SELECT DISTINCT ON (f.account_id, f.category, f.identifier, f.package)
    f.account_id, f.category, f.identifier, f.package, f.severity, f.rank,
    CASE f.category
        WHEN 'trojans' THEN ''
        WHEN 'sensitive_data' THEN regexp_replace(f.title, ' in line [0-9]+$', '')
        ELSE f.title
    END,
    f.fixed_version, f.source, 0, 0, '',
    min(f.first_seen_at) OVER (
        PARTITION BY f.account_id, f.category, f.identifier, f.package)
FROM quota_finding f
ORDER BY f.account_id, f.category, f.identifier, f.package, f.scan DESC, f.rank
"""

JOIN = """
UPDATE quota_finding f SET group_id = g.id
FROM quota_findinggroup g
WHERE g.account_id = f.account_id AND g.category = f.category
  AND g.identifier = f.identifier AND g.package = f.package
"""

COUNT = """
UPDATE quota_findinggroup g SET images = c.images, open_images = c.images
FROM (
    SELECT f.account_id, f.group_id, count(DISTINCT f.image_id) AS images
    FROM quota_finding f
    JOIN quota_image i ON i.account_id = f.account_id AND i.id = f.image_id
    WHERE i.is_local OR i.is_repository
    GROUP BY f.account_id, f.group_id
) c
WHERE g.account_id = c.account_id AND g.id = c.group_id
"""

LEAVE = "UPDATE quota_finding SET group_id = NULL"
FORGET = "DELETE FROM quota_findinggroup"


class Migration(migrations.Migration):
    """A data move of its own; the other way it is forgotten again."""

    dependencies = [("quota", "0024_findings_across_images")]
    operations = [
        migrations.RunSQL(GROUP, FORGET),
        migrations.RunSQL(JOIN, LEAVE),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
