"""The images there are get told apart by platform, as the next reading would."""

from django.db import migrations

SIGHTINGS = """
UPDATE quota_sighting s SET is_other_platform = true
FROM quota_image i
WHERE i.account_id = s.account_id AND i.id = s.image_id
  AND (i.os, i.architecture) <> ('linux', 'amd64')
  AND EXISTS (
      SELECT 1 FROM quota_sighting b
      JOIN quota_image u ON u.account_id = b.account_id AND u.id = b.image_id
      WHERE b.account_id = s.account_id AND b.name = s.name AND b.tag = s.tag
        AND b.source_id IS NOT DISTINCT FROM s.source_id
        AND b.registry_id IS NOT DISTINCT FROM s.registry_id
        AND (u.os, u.architecture) = ('linux', 'amd64')
  )
"""

IMAGES = """
UPDATE quota_image i SET is_other_platform = true
FROM (
    SELECT account_id, image_id FROM quota_sighting
    GROUP BY account_id, image_id HAVING bool_and(is_other_platform)
) s
WHERE s.account_id = i.account_id AND s.image_id = i.id
"""


class Migration(migrations.Migration):
    """A data move of its own; the other way the columns go with what is in them."""

    dependencies = [("quota", "0041_images_know_their_platform")]
    operations = [
        migrations.RunSQL(SIGHTINGS, migrations.RunSQL.noop),
        migrations.RunSQL(IMAGES, migrations.RunSQL.noop),
    ]
