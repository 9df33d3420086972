"""An account always has its creator: at least one, beside the index's at most one."""

from django.db import migrations

CHECK = """
CREATE FUNCTION accounts_always_a_creator() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint;
BEGIN
    IF TG_TABLE_NAME = 'accounts_account' THEN
        checked := NEW.id;
    ELSIF TG_OP = 'INSERT' THEN
        RETURN NULL;
    ELSE
        checked := OLD.account_id;
    END IF;
    IF EXISTS (SELECT FROM accounts_account WHERE id = checked) AND NOT EXISTS (
        SELECT FROM accounts_member WHERE account_id = checked AND is_creator
    ) THEN
        RAISE EXCEPTION 'account % is left without its creator', checked
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'account_always_has_a_creator';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER always_a_creator
    AFTER INSERT ON accounts_account DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounts_always_a_creator();
CREATE CONSTRAINT TRIGGER always_a_creator
    AFTER UPDATE OF is_creator, account_id OR DELETE ON accounts_member
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounts_always_a_creator();
"""
DROP = """
DROP TRIGGER always_a_creator ON accounts_member;
DROP TRIGGER always_a_creator ON accounts_account;
DROP FUNCTION accounts_always_a_creator();
"""


class Migration(migrations.Migration):
    """Checked at the commit, so that an account can be handed over."""

    dependencies = [("accounts", "0010_members_choose_notices")]
    operations = [migrations.RunSQL(CHECK, DROP)]
