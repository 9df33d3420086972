"""The groups that staff are put into: one per kind of work, each sees everything."""

from django.db import migrations

SEE = "accounts.account.see_back_office"
ACTS = {
    "Auditor": (),
    "Refunds": ("quota.refundrequest.process_refund",),
    "Refunds, second person": ("quota.refundrequest.confirm_large_refund",),
    "Refunds after the end": (
        "quota.refundrequest.process_refund",
        "quota.refundrequest.override_refund",
    ),
    "Top-ups": ("accounts.banktransfer.record_top_up",),
    "Adjustments": ("accounts.adjustment.adjust_balance",),
    "Money, second person": (
        "accounts.adjustment.confirm_adjustment",
        "accounts.banktransfer.reverse_top_up",
    ),
    "Tariffs": ("quota.tariff.edit_tariff",),
    "Support": (
        "accounts.account.add_account",
        "accounts.account.look_as_customer",
        "accounts.notice.resend_notice",
        "accounts.letter.resend_letter",
        "quota.scantask.change_scantask",
        "procrastinate.procrastinatejob.change_procrastinatejob",
    ),
}


def add_groups(apps, schema_editor):
    """Make the groups with their permissions, which Django itself makes only after
    all migrations."""
    using = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    groups = apps.get_model("auth", "Group").objects.using(using)

    def permission(app, model, codename):
        content_type, _ = types.get_or_create(app_label=app, model=model)
        found, _ = permissions.get_or_create(
            content_type=content_type,
            codename=codename,
            defaults={"name": f"Can {codename.replace('_', ' ')}"},
        )
        return found

    for name, acts in ACTS.items():
        group, _ = groups.get_or_create(name=name)
        group.permissions.set(permission(*act.split(".")) for act in (SEE, *acts))


def remove_groups(apps, schema_editor):
    """Take the groups away; people who were in them keep nothing of them."""
    groups = apps.get_model("auth", "Group").objects
    groups.using(schema_editor.connection.alias).filter(name__in=ACTS).delete()


class Migration(migrations.Migration):
    """They can be changed in the admin afterwards, as any group."""

    dependencies = [
        ("quota", "0027_proofs_are_kept"),
        ("accounts", "0013_staff_see_customers"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]
    operations = [migrations.RunPython(add_groups, remove_groups)]
