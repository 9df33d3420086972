"""The audit log is written once, whoever tries to change it."""

from django.db import migrations

FORBID_CHANGES = """
CREATE FUNCTION accounts_auditentry_is_append_only() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'accounts_auditentry is append-only';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_auditentry_is_append_only();
"""
ALLOW_CHANGES = """
DROP TRIGGER append_only ON accounts_auditentry;
DROP FUNCTION accounts_auditentry_is_append_only();
"""


class Migration(migrations.Migration):
    """A second lock beside the missing right of the application's role."""

    dependencies = [("accounts", "0003_notices_and_audit")]
    operations = [migrations.RunSQL(FORBID_CHANGES, ALLOW_CHANGES)]
