"""Every address of the web server: the admin, `/health*` for probes, and `/api/v1`."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.defaults import server_error as page_500
from django.views.generic import RedirectView

from arbsite.endpoints import UnknownPath
from arbsite.health import addresses
from arbsite.problems import answer

api = [
    path("", include("arbsite.endpoints")),
    path("", include(addresses())),
    path("", include("markets.urls")),
    path("", include("signals.urls")),
    path("", include("execution.urls")),
    path("", include("alerts.urls")),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    *addresses(schema=None),
    path("api/v1/", include(api)),
    re_path(r"^api/", UnknownPath.as_view()),
]


def server_error(request: HttpRequest) -> HttpResponse:
    """A fault of ours: a problem document for programs, Django's page for people."""
    if request.path.startswith("/api/"):
        return answer(request, 500, "internal", "Something went wrong on our side; it has been logged.")
    return page_500(request)


handler500 = "arbsite.urls.server_error"
