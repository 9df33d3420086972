"""What somebody has beside a password: an app that makes codes, and a list of codes."""

from django.db import models

from accounts.credentials import EncryptedField
from accounts.models.people import User


class SecondFactor(models.Model):
    """The app of one person. It counts once a code of it was typed.

    ``last_step`` is the half minute of the newest code that was taken: none works
    twice.
    """

    user = models.OneToOneField(User, models.CASCADE, related_name="second_factor")
    secret = EncryptedField()
    last_step = models.BigIntegerField(default=-1)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Second factor of {self.user}"


class RecoveryCode(models.Model):
    """One code for when the app is gone. Only its keyed digest is kept; works once."""

    factor = models.ForeignKey(
        SecondFactor, models.CASCADE, related_name="recovery_codes", db_index=False
    )
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "factor", "digest", name="recovery_code_once_per_factor"
            )
        ]

    def __str__(self) -> str:
        return f"Recovery code of {self.factor}"
