"""What payment providers call: signed, booked once, answered briefly."""

import logging

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.payments import STRIPE, gateways
from accounts.payments.port import ForgedEvent
from accounts.services import settling

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """Book an event of Stripe's. Whatever is not signed by them is refused (400);
    where Stripe is not set up there is nothing here (404)."""
    now = timezone.now()
    gateway = gateways().get(STRIPE)
    if gateway is None:
        raise Http404
    try:
        event = gateway.read_event(request.body, request.headers, now)
    except ForgedEvent as forged:
        logger.warning("A payment event was refused: %s", forged)
        return HttpResponse("Not accepted.", status=400, content_type="text/plain")
    outcome = settling.receive(provider=STRIPE, event=event, now=now)
    return HttpResponse(outcome, content_type="text/plain")
