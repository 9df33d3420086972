"""A finding has a group, of its own account; a decision is written once, and goes only
with the finding or the image it is about."""

import django.db.models.deletion
from django.db import migrations, models

KEYS = (
    ("finding", "group_id", "findinggroup", ""),
    ("triage", "group_id", "findinggroup", " ON DELETE CASCADE"),
    ("triage", "image_id", "image", " ON DELETE CASCADE"),
)

# A deletion by one of the keys above is a trigger's; any other has no trigger above it.
FUNCTION = """
CREATE FUNCTION refuse_change_by_itself() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND pg_trigger_depth() > 1 THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$
"""


def _add(child: str, column: str, parent: str, rule: str) -> migrations.RunSQL:
    name = f"{child}_{column}_same_account"
    return migrations.RunSQL(
        f"ALTER TABLE quota_{child} ADD CONSTRAINT {name}"
        f" FOREIGN KEY (account_id, {column}) REFERENCES quota_{parent} (account_id, id)"
        f"{rule} DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE quota_{child} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    """The wall between accounts, and the lock on what was decided."""

    dependencies = [("quota", "0025_fill_finding_groups")]
    operations = [
        migrations.AlterField(
            model_name="finding",
            name="group",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="findings",
                to="quota.findinggroup",
            ),
        ),
        *[_add(*key) for key in KEYS],
        migrations.RunSQL(FUNCTION, "DROP FUNCTION refuse_change_by_itself()"),
        migrations.RunSQL(
            "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON quota_triage"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change_by_itself()",
            "DROP TRIGGER append_only ON quota_triage",
        ),
    ]
