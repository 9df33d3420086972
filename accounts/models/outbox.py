"""The outbox: what is owed to people by email and SMS, and what became of it."""

from django.db import models
from django.db.models import Q

from accounts.models.entry import Code, Invite
from accounts.models.people import Account, User


class Outgoing(models.Model):
    """One message and its delivery.

    The row is the truth: a worker claims it for a while (``claim``, ``leased_until``),
    sends, and records. ``interrupted`` says that a worker died in between, so that the
    message may have arrived twice. ``due_at`` is the next attempt.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "Email"
        SMS = "sms", "SMS"

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"

    channel = models.CharField(max_length=5, choices=Channel)
    context = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    claim = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    interrupted = models.BooleanField(default=False)
    resends = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    address = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(class)s_sent_is_dated",
                condition=Q(state="sent", sent_at__isnull=False)
                | (~Q(state="sent") & Q(sent_at=None)),
            ),
            models.CheckConstraint(
                name="%(class)s_sending_is_leased",
                condition=Q(
                    state="sending", claim__isnull=False, leased_until__isnull=False
                )
                | (~Q(state="sending") & Q(claim=None, leased_until=None)),
            ),
            models.CheckConstraint(
                name="%(class)s_not_sent_says_why",
                condition=~Q(state__in=["failed", "skipped"]) | ~Q(reason=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["channel", "due_at"],
                name="%(class)s_due",
                condition=Q(state__in=["queued", "sending"]),
            ),
        ]


class Notice(Outgoing):
    """One email or SMS owed to one member of an account.

    ``subject`` names what it is about, and for dated kinds the date, so that a job that
    runs twice, or a person with several roles, makes one message (rules 7).
    """

    class Kind(models.TextChoices):
        EXPIRY_REMINDER = "expiry_reminder", "Expiry reminder"
        ARREARS = "arrears", "Service isolated"
        TERMINATED = "terminated", "Terminated"
        RENEWED = "renewed", "Renewed"
        AUTO_RENEWAL_FAILED = "auto_renewal_failed", "Auto-renewal failed"
        REFUND_DECIDED = "refund_decided", "Refund decided"
        ORDER_PAID = "order_paid", "Order paid"
        PACK_ENDS = "pack_ends", "Purchase ends"
        QUOTA_80 = "quota_80", "80% of quota used"
        QUOTA_100 = "quota_100", "Quota used up"
        RUN_SKIPPED = "run_skipped", "Scheduled run skipped"
        RUN_CUT = "run_cut", "Scheduled run cut"
        ACCESS_ASKED = "access_asked", "Access asked for"
        QUOTA_ASKED = "quota_asked", "More quota asked for"

    account = models.ForeignKey(
        Account, models.PROTECT, related_name="notices", db_index=False
    )
    user = models.ForeignKey(User, models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=24, choices=Kind)
    subject = models.CharField(max_length=100)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta(Outgoing.Meta):
        permissions = [("resend_notice", "Can send a notice again")]
        constraints = [
            *Outgoing.Meta.constraints,
            models.UniqueConstraint("account", "id", name="notice_by_account"),
            models.UniqueConstraint(
                "account",
                "user",
                "channel",
                "kind",
                "subject",
                name="notice_once_per_person_and_subject",
            ),
        ]
        indexes = [
            *Outgoing.Meta.indexes,
            models.Index(
                fields=["account", "user", "-created_at", "-id"],
                name="notice_of_member",
            ),
            models.Index(
                fields=["account", "user"],
                name="notice_unread",
                condition=Q(channel="email", read_at=None),
            ),
            models.Index(
                fields=["id"], name="notice_failed", condition=Q(state="failed")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.user}"


class Letter(Outgoing):
    """One message about getting in, owed to an address rather than a member.

    It holds no secret: codes, links and tokens are made when it is sent.
    """

    class Kind(models.TextChoices):
        CODE = "code", "Code"
        INVITE = "invite", "Invitation"
        PASSWORD_RESET = "password_reset", "Password reset"
        SIGN_UP = "sign_up", "Sign-up"
        SECOND_FACTOR = "second_factor", "Second factor"
        EMAIL_CHANGED = "email_changed", "Email changed"

    kind = models.CharField(max_length=24, choices=Kind)
    user = models.ForeignKey(
        User, models.CASCADE, null=True, blank=True, related_name="+"
    )
    code = models.ForeignKey(
        Code, models.CASCADE, null=True, blank=True, related_name="+"
    )
    invite = models.ForeignKey(
        Invite, models.PROTECT, null=True, blank=True, related_name="letters"
    )

    class Meta(Outgoing.Meta):
        permissions = [("resend_letter", "Can send a letter again")]
        constraints = [
            *Outgoing.Meta.constraints,
            models.CheckConstraint(
                name="letter_names_what_it_is_about",
                condition=Q(kind="code", code__isnull=False)
                | Q(kind="invite", invite__isnull=False)
                | Q(
                    kind__in=["password_reset", "second_factor", "email_changed"],
                    user__isnull=False,
                )
                | (Q(kind="sign_up") & ~Q(address="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.address}"
