"""Movements of the balance are written once, whoever tries to change them."""

from django.db import migrations

FORBID_CHANGES = """
CREATE FUNCTION accounts_balanceentry_is_append_only() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'accounts_balanceentry is append-only';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_balanceentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_balanceentry_is_append_only();
"""
ALLOW_CHANGES = """
DROP TRIGGER append_only ON accounts_balanceentry;
DROP FUNCTION accounts_balanceentry_is_append_only();
"""


class Migration(migrations.Migration):
    """A second lock beside the missing right of the application's role."""

    dependencies = [("accounts", "0001_people_and_balance")]
    operations = [migrations.RunSQL(FORBID_CHANGES, ALLOW_CHANGES)]
