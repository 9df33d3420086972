"""*Registries*: the list, connecting one, changing, checking, syncing, removing."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)
from django_htmx.http import HttpResponseClientRedirect

from accounts.errors import Refusal
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    with_account,
)
from quota.forms.registries import RegistryForm
from quota.models import Kind, Registry
from quota.pages.registries import registries_page
from quota.pages.registry_help import HELP
from quota.pages.words import plural
from quota.rules.units import parse_number
from quota.services import registries as service
from quota.services import registry_syncs


@require_GET
@with_account(Right.SEE)
def registries(request: AccountRequest) -> HttpResponse:
    """The list; to a poll only its rows."""
    page = registries_page(request.account, timezone.now())
    return render_page(
        request, "quota/registries.html", {"page": page}, partial="registries"
    )


@require_GET
@with_account(Right.SEE)
def notes(request: AccountRequest) -> HttpResponse:
    """What is wrong or being read, above *Repository images*, never alone."""
    if not wants_fragment(request):
        return redirect("quota:images", request.account.slug, Kind.REPOSITORY)
    places = registries_page(request.account, timezone.now())
    return render_page(request, "quota/_registry_notes.html", {"places": places})


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.SCAN)
def connect(request: AccountRequest) -> HttpResponse:
    """The form; on a post, connect the registry and ask whether it answers."""
    if request.method != "POST":
        form = RegistryForm(initial={"type": "docker", "verify_certificate": True})
        return _form(request, form, None)
    return _saved(request, RegistryForm(request.POST), None)


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.SCAN)
def change(request: AccountRequest, registry: int) -> HttpResponse:
    """The form as the registry stands; on a post, change it and ask again."""
    found = _registry(request, registry)
    if request.method != "POST":
        return _form(request, RegistryForm.of(found), found)
    return _saved(request, RegistryForm(request.POST), found)


@require_POST
@with_account(Right.SCAN)
def check(request: AccountRequest, registry: int) -> HttpResponse:
    """Ask the registry whether images could be read from it."""
    return _checked(request, _registry(request, registry))


@require_POST
@with_account(Right.SCAN)
def sync(request: AccountRequest) -> HttpResponse:
    """Read all registries, or the one named, now; ``full`` reads every manifest."""
    found = Registry.objects.filter(account=request.account).order_by("pk")
    if one := request.POST.get("registry", ""):
        found = found.filter(pk=parse_number(one))
    begun = registry_syncs.request(
        account=request.account,
        registries=list(found),
        is_full="full" in request.POST,
        by=request.user,
        now=timezone.now(),
    )
    if begun:
        said = f"Reading {plural(begun, 'registry', 'registries')}."
        messages.success(request, said)
    elif found:
        messages.info(request, "They are being read already.")
    else:
        messages.info(request, "There is no registry to read. Connect one first.")
    if request.POST.get("from") == "images":
        return redirect("quota:images", request.account.slug, Kind.REPOSITORY)
    return redirect("quota:registries", request.account.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.SCAN)
def remove(request: AccountRequest, registry: int) -> HttpResponse:
    """Say what removing means; on a post, remove it."""
    found = _registry(request, registry)
    if request.method != "POST":
        context = {"registry": found}
        return render_page(
            request, "quota/registry_remove.html", context, partial="dialog"
        )
    gone = service.remove(registry=found)
    messages.success(
        request, f"{found.name} is removed. {plural(gone, 'image')} left the list."
    )
    return _to_list(request)


def _registry(request: AccountRequest, number: int) -> Registry:
    rows = Registry.objects.select_related("account")
    return get_object_or_404(rows, account=request.account, pk=min(number, 2**62))


def _form(
    request: AccountRequest,
    form: RegistryForm,
    registry: Registry | None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "registry": registry, "helps": HELP}
    return render_page(
        request, "quota/registry.html", context, partial="dialog", status=status
    )


def _saved(
    request: AccountRequest, form: RegistryForm, registry: Registry | None
) -> HttpResponse:
    """Connect or change, then ask whether it answers."""
    if not form.is_valid():
        return _form(request, form, registry, status=422)
    details, password = form.details(), form.cleaned_data["password"]
    try:
        if registry:
            row = service.change(registry=registry, details=details, password=password)
        else:
            row = service.connect(
                account=request.account,
                details=details,
                password=password,
                by=request.user,
                now=timezone.now(),
            )
    except Refusal as refusal:
        form.add_error("password" if registry else None, str(refusal))
        return _form(request, form, registry, status=refusal.status)
    return _checked(request, row)


def _checked(request: AccountRequest, registry: Registry) -> HttpResponse:
    checked = service.check(registry=registry, now=timezone.now())
    if checked.problem:
        messages.warning(request, f"{checked.name}: {checked.problem} {checked.remedy}")
    else:
        messages.success(request, f"{checked.name} answers and lets us in.")
    return _to_list(request)


def _to_list(request: AccountRequest) -> HttpResponse:
    url = reverse("quota:registries", args=[request.account.slug])
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)
