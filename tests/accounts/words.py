"""One full context for each kind of notice."""

SAMPLES: dict[str, dict[str, object]] = {
    "expiry_reminder": {
        "days": "5 days",
        "ends": "Mon 15 Mar at 14:00",
        "auto_renewal": True,
        "covered": False,
    },
    "arrears": {
        "ended": "Mon 15 Mar at 14:00",
        "renew_by": "Sat 20 Mar at 14:00",
        "deleted": "Sun 21 Mar at 14:00",
    },
    "terminated": {"ended": "Mon 15 Mar at 14:00"},
    "renewed": {
        "until": "15 Apr at 14:00",
        "amount": "$72.00",
        "order": "7",
        "left_out": "300 scans a month until 15 Mar at 14:00",
    },
    "auto_renewal_failed": {
        "balance": "$42.00",
        "needed": "$54.00",
        "ends": "Mon 15 Mar at 14:00",
        "next_try": "Mon 15 Mar at 13:00",
    },
    "refund_decided": {
        "thing": "the purchase of 300 scans a month",
        "decision": "approved",
        "amount": "$35.35",
        "reason": "As agreed.",
        "left_out": "",
    },
    "order_paid": {"order": "5", "what": "300 scans a month", "amount": "$36.00"},
    "pack_ends": {"quantity": "300", "ends": "15 Mar at 14:00"},
    "quota_80": {
        "used": "240",
        "total": "300",
        "left": "60",
        "resets": "15 Dec at 14:00",
    },
    "quota_100": {"total": "300", "resets": "15 Dec at 14:00"},
    "access_asked": {"who": "Ivo Brandt", "what": "buy and see the balance"},
    "quota_asked": {
        "who": "Ivo Brandt",
        "missing": "11.2",
        "what": "a scan of 312 local images",
        "quantity": "300",
    },
    "run_skipped": {
        "schedule": "Local images, every 7 days",
        "due": "Fri 27 Nov at 02:00",
        "reason": "It needs 12 quota and 3 is left.",
    },
    "run_cut": {
        "schedule": "Local images, every 7 days",
        "due": "Fri 27 Nov at 02:00",
        "scanned": "120",
        "wanted": "184 images",
        "reason": "Quota ran out.",
    },
}
