"""A pack's monthly quantity never rises, and a dropped pack never comes back."""

from django.db import migrations

FORBID = """
CREATE FUNCTION pack_only_falls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.quantity > OLD.quantity THEN
        RAISE EXCEPTION 'a pack never grows' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'pack_never_grows';
    END IF;
    IF OLD.dropped_at IS NOT NULL AND NEW.dropped_at IS DISTINCT FROM OLD.dropped_at
    THEN
        RAISE EXCEPTION 'a dropped pack never comes back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'pack_never_comes_back';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER only_falls BEFORE UPDATE ON quota_quotapack
    FOR EACH ROW EXECUTE FUNCTION pack_only_falls();
"""
ALLOW = """
DROP TRIGGER only_falls ON quota_quotapack;
DROP FUNCTION pack_only_falls();
"""


class Migration(migrations.Migration):
    """More is a new pack (rules 4.5)."""

    dependencies = [("quota", "0010_subscriptions_terminate_once")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
