"""What staff may edit: where images come from."""

from django.contrib import admin

from quota.models import ImageSource


@admin.register(ImageSource)
class ImageSourceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Places on the server that an account may read images from."""

    list_display = ("account", "kind", "location", "read_at", "problem")
    list_select_related = ("account",)
    readonly_fields = ("read_at", "problem")
