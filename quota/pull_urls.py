"""Where scan engines pull: OCI Distribution, to be read with a ticket."""

from django.urls import path

from quota.views import pull

app_name = "pull"
urlpatterns = [
    path("", pull.ping, name="pull-ping"),
    path(
        "<path:repository>/manifests/<str:which>", pull.manifest, name="pull-manifest"
    ),
    path("<path:repository>/blobs/<str:which>", pull.blob, name="pull-blob"),
]
