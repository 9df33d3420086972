"""The admin of what only services write, quick however long the table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import DataError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.functional import cached_property

from accounts.errors import Refusal
from accounts.models import Account
from accounts.spreadsheets import safe, stream

COUNTED = 1_000
OF, OF_ACCOUNT = "of", ("-account", "-pk")


@contextmanager
def _asked_of_a_list() -> Iterator[None]:
    """Refuse a filter by a column that is none, or by what the column never holds."""
    try:
        with transaction.atomic():
            yield
    except (IncorrectLookupParameters, DataError) as error:
        raise Refusal("This list has no such filter. Choose one on it.") from error


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of a long table. It counts up to a thousand rows and no further: whoever
    looks for more narrows the search."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most the cap."""
        rows = self.object_list
        assert isinstance(rows, QuerySet)  # noqa: S101 -- the admin gives no other
        return rows.order_by()[:COUNTED].count()


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Everything can be seen, nothing changed.

    ``exact_search`` names columns, all indexed, of which one must equal what is typed;
    it stands in for ``search_fields`` on long tables, where *contains* reads them
    whole. Every list can be had as CSV, with its filters.
    """

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    paginator = CappedPaginator
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    exact_search: ClassVar[tuple[str, ...]] = ()
    csv_columns: ClassVar[tuple[str, ...]] = ()

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Newest first; of one account by the index that begins with it."""
        of_one = request.GET.get(OF) and AccountFilter in self.get_list_filter(request)
        by_number = self.ordering == ("-pk",)
        return OF_ACCOUNT if of_one and by_number else self.ordering

    def get_urls(self) -> list[URLPattern]:
        """The list as CSV, beside Django's own addresses."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_csv"
        csv = path("csv/", self.admin_site.admin_view(self.csv), name=name)
        return [csv, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, under the name of what it lists."""
        title = self.opts.verbose_name_plural
        named = {"title": f"{title}"[:1].upper() + f"{title}"[1:]}
        with _asked_of_a_list():
            return super().changelist_view(request, {**named, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A row to look at. Django would take *Save as new* from who may add."""
        if request.method == "POST":
            raise PermissionDenied
        return super().changeform_view(request, object_id, form_url, extra_context)

    def has_view_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        """Staff see all of it (rules 9), by one permission or that of the model."""
        may_see_all = request.user.has_perm("accounts.see_back_office")
        return may_see_all or super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app shows on the first page."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """The search box shows where either kind of search is there."""
        return self.exact_search or tuple(super().get_search_fields(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows of which the first named column that finds any is what was typed: one
        indexed look-up each, where an OR would read the table."""
        if not self.exact_search:
            return super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        if not term:
            return queryset, False
        for column in self.exact_search:
            value = _typed(self.model, column, term)
            if column == "account__slug":
                column, value = "account", _account(term)
            found = queryset.filter(**{column: value})
            if value is not None and found.exists():
                return found, False
        return queryset.none(), False

    def csv(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """The list with its filters, every row, streamed."""
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        with _asked_of_a_list():
            rows = self.get_changelist_instance(request).get_queryset(request)
            rows.exists()  # before the answer has begun
        shown = self.get_readonly_fields(request)
        columns = self.csv_columns or tuple(
            field.name
            for field in self.model._meta.concrete_fields
            if field.name in shown and field.name not in (self.exclude or ())
        )
        return csv_of(f"{self.opts.model_name}.csv", columns, rows)


class ReadOnlyRows(admin.TabularInline):  # type: ignore[type-arg]
    """Rows under what they belong to: whoever sees that sees them."""

    template = "admin/rows.html"
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True


def csv_of(
    name: str, columns: Sequence[str], rows: QuerySet[Any]
) -> StreamingHttpResponse:
    """These columns of these rows as a CSV file, streamed."""
    values = rows.values_list(*columns).iterator(chunk_size=2_000)
    return stream(name, columns, ([_cell(each) for each in row] for row in values))


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return safe(value)
    return "" if value is None else str(value)


def _typed(model: type[Model], column: str, term: str) -> Any:
    """The term as the column holds it, or None where it cannot be that."""
    at: Any = model
    for name in column.split("__"):
        field = at._meta.get_field(name)
        at = field.related_model
    if field.get_internal_type() in {"CharField", "SlugField", "EmailField"}:
        return term
    digits = term.lstrip("#").removeprefix("R-")
    return int(digits) if digits.isdecimal() and len(digits) < 10 else None


def _account(slug: str) -> int | None:
    """The account's key, looked up first: its rows then come off their own index."""
    found = Account.objects.filter(slug=slug.strip().replace("\0", ""))
    return found.values_list("pk", flat=True).first()


class AccountFilter(admin.SimpleListFilter):
    """One account by its name in addresses, typed: a list of them would be too long."""

    title = "account"
    parameter_name = OF
    template = "admin/input_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """One line, so that the filter shows."""
        return [("", "")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """What else is asked for, so that typing keeps it."""
        kept = changelist.get_query_string(remove=[self.parameter_name, "p"])
        pairs = [each.partition("=") for each in kept.lstrip("?").split("&") if each]
        yield {"kept": [(name, value) for name, _, value in pairs]}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the account."""
        slug = self.value()
        if not slug:
            return queryset
        account = _account(slug)
        if account is None:
            return queryset.none()
        # A range, though of one: an equality would let the planner take the order by
        # account for granted, and walk all rows by number to find those of a few.
        return queryset.filter(account__gte=account, account__lte=account)
