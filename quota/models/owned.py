"""What every table of a customer has in common: it belongs to one account."""

from django.db import models

from accounts.models import Account


class Owned(models.Model):
    """A row of one account.

    ``UNIQUE (account, id)`` is what other tables of the account point at: foreign keys
    between them are composite in the database (migration 0002), so a row can never
    name another account's row. Django's own single-column constraint is left out.
    """

    account = models.ForeignKey(Account, models.PROTECT, db_index=False)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint("account", "id", name="%(class)s_by_account")
        ]
