from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from delivery.bodies.downloads import download
from fastsmtp import health

handler400 = "fastsmtp.api.errors.bad_request"
handler404 = "fastsmtp.api.errors.not_found"
handler500 = "fastsmtp.api.errors.server_error"

api_v1: list[URLPattern | URLResolver] = [
    path("health", health.health),
    path("ready", health.ready),
    path("", include("accounts.urls")),
    # Before the rules, whose paths would take `rules/test` for a rule.
    path("", include("delivery.urls")),
    path("", include("rules.urls")),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api_v1)),
    path("downloads/<uuid:delivery_id>/<str:part>", download),
]
