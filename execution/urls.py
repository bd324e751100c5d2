"""The addresses of the execution room below `/api/v1`."""

from execution import api, portfolio_api

urlpatterns = [
    *api.urlpatterns,
    *portfolio_api.urlpatterns,
]
