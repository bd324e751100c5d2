"""The addresses of the execution room below `/api/v1`."""

from execution import api, limit_api

urlpatterns = [*api.urlpatterns, *limit_api.urlpatterns]
