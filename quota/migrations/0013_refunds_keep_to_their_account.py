"""Refund requests never name another account's rows, and their history is written once.

No member of an account decides about its refunds: that looks at two tables, so it is a
trigger.
"""

from django.db import migrations

KEYS = (
    ("refundrequest", "order_id", "order"),
    ("refundrequest", "pack_id", "quotapack"),
    ("refundrequest", "subscription_id", "subscription"),
    ("refundrequest", "refund_order_id", "order"),
    ("refundevent", "refund_id", "refundrequest"),
)

FORBID_CHANGES = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON quota_refundevent
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""

FORBID_MEMBERS = """
CREATE FUNCTION refuse_member_deciding_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM accounts_member m
        WHERE m.account_id = NEW.account_id
          AND (m.user_id IN (NEW.approved_by_id, NEW.confirmed_by_id)
               OR NEW.state = 'rejected' AND m.user_id = NEW.ended_by_id)
    ) THEN
        RAISE EXCEPTION 'refund_never_decided_by_a_member'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER never_decided_by_a_member BEFORE INSERT OR UPDATE OF
    approved_by_id, confirmed_by_id, ended_by_id, state ON quota_refundrequest
    FOR EACH ROW EXECUTE FUNCTION refuse_member_deciding_refund();
"""
ALLOW_MEMBERS = """
DROP TRIGGER never_decided_by_a_member ON quota_refundrequest;
DROP FUNCTION refuse_member_deciding_refund();
"""


def _add(child: str, column: str, parent: str) -> migrations.RunSQL:
    name = f"{child}_{column}_same_account"
    return migrations.RunSQL(
        f"ALTER TABLE quota_{child} ADD CONSTRAINT {name}"
        f" FOREIGN KEY (account_id, {column}) REFERENCES quota_{parent} (account_id, id)"
        " DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE quota_{child} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    """What Django's own keys and constraints cannot say."""

    dependencies = [("quota", "0012_refund_requests")]
    operations = [
        *[_add(*key) for key in KEYS],
        migrations.RunSQL(
            FORBID_CHANGES, "DROP TRIGGER append_only ON quota_refundevent"
        ),
        migrations.RunSQL(FORBID_MEMBERS, ALLOW_MEMBERS),
    ]
