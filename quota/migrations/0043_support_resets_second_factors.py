"""Support may turn off the second factor of a customer who lost it."""

from django.db import migrations


def allow(apps, schema_editor):
    """Give Support the permission, which Django itself makes only after all
    migrations."""
    permission = _permission(apps, schema_editor.connection.alias)
    for group in _support(apps, schema_editor.connection.alias):
        group.permissions.add(permission)


def forbid(apps, schema_editor):
    """Take it away again."""
    permission = _permission(apps, schema_editor.connection.alias)
    for group in _support(apps, schema_editor.connection.alias):
        group.permissions.remove(permission)


def _support(apps, using):
    return apps.get_model("auth", "Group").objects.using(using).filter(name="Support")


def _permission(apps, using):
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    content_type, _ = types.get_or_create(app_label="accounts", model="user")
    permission, _ = permissions.get_or_create(
        content_type=content_type,
        codename="reset_second_factor",
        defaults={"name": "Can turn off the second factor of a customer"},
    )
    return permission


class Migration(migrations.Migration):
    """The other groups stay as they are."""

    dependencies = [
        ("quota", "0042_tell_other_platforms"),
        ("accounts", "0014_second_factor"),
    ]
    operations = [migrations.RunPython(allow, forbid)]
