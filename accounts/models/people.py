"""Users, accounts, members, the prepaid balance and the audit log."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from accounts.fields import MoneyField


def validate_zone(name: str) -> None:
    """Refuse what is not an IANA time zone."""
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone, such as Asia/Singapore.")


class UserManager(BaseUserManager["User"]):
    """Makes people; the email is lower-cased so that one mailbox is one person."""

    def create_user(self, email: str, password: str | None, **extra: Any) -> "User":
        """Create a person with a hashed password."""
        user = self.model(email=email.strip().lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **extra: Any) -> "User":
        """Create a member of staff with every permission."""
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, **extra
        )

    def get_by_natural_key(self, email: str | None) -> "User":
        """Find a person by email, whatever its case."""
        return self.get(email=(email or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by email. ``phone`` is a number that was verified.

    ``session_epoch`` grows with what a session must not outlive, beside the password.
    """

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    phone = models.CharField(max_length=16, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        permissions = [
            ("reset_second_factor", "Can turn off the second factor of a customer")
        ]
        constraints = [
            models.CheckConstraint(
                name="user_email_is_lower_case",
                condition=Q(email=models.functions.Lower("email")),
            ),
            models.CheckConstraint(
                name="user_phone_is_e164",
                condition=Q(phone="") | Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """What a session carries; one that carries another has ended."""
        return self._of_epoch(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under keys that were replaced."""
        return map(self._of_epoch, super().get_session_auth_fallback_hash())

    def _of_epoch(self, digest: str) -> str:
        return f"{digest}.{self.session_epoch}" if self.session_epoch else digest


class AccountQuerySet(models.QuerySet["Account"]):
    """Accounts, and the one way to lock one."""

    def lock(self, account_id: int) -> "Account":
        """Lock the account's row first of all and return it as it stands now.

        ``FOR NO KEY UPDATE``: inserts of rows that point at the account go on.
        """
        return self.select_for_update(no_key=True).get(pk=account_id)


class Account(models.Model):
    """The paying customer."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=150)
    zone = models.CharField(max_length=64, default="UTC", validators=[validate_zone])
    currency = models.CharField(max_length=3, default="USD")
    balance = MoneyField(default=0)
    debt = MoneyField(default=0)
    created_at = models.DateTimeField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        permissions = [
            ("see_back_office", "Can see everything in the back office"),
            ("look_as_customer", "Can look at a customer's console"),
        ]
        constraints = [
            models.CheckConstraint(
                name="account_balance_never_negative", condition=Q(balance__gte=0)
            ),
            models.CheckConstraint(
                name="account_debt_never_negative", condition=Q(debt__gte=0)
            ),
            models.CheckConstraint(
                name="account_never_has_both_balance_and_debt",
                condition=Q(balance=0) | Q(debt=0),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The account's front page."""
        return f"/a/{self.slug}/"

    @property
    def zone_info(self) -> ZoneInfo:
        """The account's current time zone."""
        return ZoneInfo(self.zone)


class Member(models.Model):
    """A user's place in an account: the creator, or a collaborator with flags.

    ``quiet`` lists the kinds of notices this member wants no email of.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="members")
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    is_creator = models.BooleanField(default=False)
    is_global_resource = models.BooleanField(default=False)
    is_financial = models.BooleanField(default=False)
    last_active_at = models.DateTimeField(null=True, blank=True)
    quiet = ArrayField(models.CharField(max_length=24), default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "id", name="member_by_account"),
            models.UniqueConstraint("account", "user", name="member_once_per_account"),
            models.UniqueConstraint(
                "account", condition=Q(is_creator=True), name="account_has_one_creator"
            ),
            models.CheckConstraint(
                name="member_required_notices_never_quiet",
                condition=~Q(
                    quiet__overlap=["expiry_reminder", "arrears", "terminated"]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.account}"


class BalanceEntry(models.Model):
    """One append-only change of an account's prepaid money.

    ``balance_after - debt_after`` is the sum of the entries so far: a debt is what is
    missing below zero, and only a reversal can make one (rules 4.7).
    """

    class Kind(models.TextChoices):
        TOP_UP = "top_up", "Top-up"
        PURCHASE = "purchase", "Purchase"
        RENEWAL = "renewal", "Renewal"
        REFUND = "refund", "Refund"
        ADJUSTMENT = "adjustment", "Adjustment"
        REVERSAL = "reversal", "Reversal"

    account = models.ForeignKey(Account, models.PROTECT, related_name="balance_entries")
    kind = models.CharField(max_length=12, choices=Kind)
    amount = MoneyField()
    balance_after = MoneyField()
    debt_after = MoneyField(default=0)
    reference = models.CharField(max_length=100)
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "balance entries"
        constraints = [
            models.UniqueConstraint("account", "id", name="balance_entry_by_account"),
            models.UniqueConstraint(
                "account", "reference", name="balance_entry_once_per_reference"
            ),
            models.CheckConstraint(
                name="balance_entry_balance_after_never_negative",
                condition=Q(balance_after__gte=0),
            ),
            models.CheckConstraint(
                name="balance_entry_moves_something", condition=~Q(amount=0)
            ),
            models.CheckConstraint(
                name="balance_entry_sign_follows_kind",
                condition=Q(kind="adjustment")
                | Q(kind__in=["top_up", "refund"], amount__gt=0)
                | Q(kind__in=["purchase", "renewal", "reversal"], amount__lt=0),
            ),
            models.CheckConstraint(
                name="balance_entry_never_leaves_both_balance_and_debt",
                condition=Q(balance_after=0, debt_after__gte=0) | Q(debt_after=0),
            ),
            models.CheckConstraint(
                name="balance_entry_only_a_reversal_makes_a_debt",
                condition=Q(kind="reversal") | Q(amount__gt=0) | Q(debt_after=0),
            ),
            models.CheckConstraint(
                name="balance_entry_by_hand_says_why",
                condition=~Q(kind__in=["adjustment", "reversal"]) | ~Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"

    @property
    def debt_paid(self) -> Decimal:
        """How much of the amount went to a standing debt."""
        debt_before: Decimal = self.amount + self.debt_after - self.balance_after
        return max(min(Decimal(self.amount), debt_before), Decimal(0))


class AuditEntry(models.Model):
    """One act of staff, or what a member asked of others: who, when, from where, what,
    old and new, why."""

    account = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    act = models.CharField(max_length=60)
    target = models.CharField(max_length=200)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    address = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["account", "created_at"], name="audit_by_account")
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.target}"
