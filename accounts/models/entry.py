"""How people get in: invitations, codes, and limits on trying."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from accounts.models.people import Account, User


class Invite(models.Model):
    """An invitation to an account, for one address, used once.

    The link in the mail is signed and names ``nonce``, which changes when it is sent
    again: only the newest link works.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="invites")
    email = models.EmailField()
    is_global_resource = models.BooleanField(default=False)
    is_financial = models.BooleanField(default=False)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    nonce = models.UUIDField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "id", name="invite_by_account"),
            models.UniqueConstraint(
                "account",
                "email",
                name="invite_one_pending_per_address",
                condition=Q(accepted_at=None, cancelled_at=None),
            ),
            models.CheckConstraint(
                name="invite_email_is_lower_case",
                condition=Q(email=models.functions.Lower("email")),
            ),
            models.CheckConstraint(
                name="invite_never_accepted_and_cancelled",
                condition=Q(accepted_at=None) | Q(cancelled_at=None),
            ),
            models.CheckConstraint(
                name="invite_accepted_by_somebody",
                condition=Q(accepted_at=None, accepted_by=None)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.account}"


class MemberChange(models.Model):
    """One change of who may do what in an account: what was, what is, who did it.

    ``before`` is null where somebody was let in, ``after`` where somebody was removed.
    """

    UNDO = timedelta(minutes=10)

    account = models.ForeignKey(Account, models.PROTECT, related_name="member_changes")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    created_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "id", name="member_change_by_account"),
            models.CheckConstraint(
                name="member_change_changes_something",
                condition=Q(before__isnull=False) | Q(after__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.account}"


class Code(models.Model):
    """A short-lived code that proves an address or a number to be somebody's.

    Made when it is sent, and kept only as a keyed digest; empty until then.
    """

    TRIES = 5

    user = models.ForeignKey(User, models.CASCADE, related_name="codes")
    channel = models.CharField(max_length=5)
    target = models.CharField(max_length=254)
    digest = models.CharField(max_length=64, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="code_tries_are_limited", condition=Q(tries__lte=5)
            ),
            models.CheckConstraint(
                name="code_used_before_it_expires",
                condition=Q(used_at=None) | Q(used_at__lt=F("expires_at")),
            ),
        ]
        indexes = [models.Index(fields=["user", "channel"], name="code_of_user")]

    def __str__(self) -> str:
        return f"{self.channel} of {self.user}"


class Throttle(models.Model):
    """How often something was tried in a stretch of time that began with the first."""

    key = models.CharField(max_length=100, unique=True)
    count = models.PositiveIntegerField()
    until = models.DateTimeField()

    def __str__(self) -> str:
        return self.key
