"""What the constraints and searches of this app need from PostgreSQL."""

from django.contrib.postgres.operations import (
    BtreeGinExtension,
    BtreeGistExtension,
    TrigramExtension,
)
from django.db import migrations


class Migration(migrations.Migration):
    """Ranges that never overlap, and search by part of a name, both per account."""

    initial = True
    dependencies = []
    operations = [BtreeGistExtension(), BtreeGinExtension(), TrigramExtension()]
