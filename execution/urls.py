"""The addresses of the execution room below `/api/v1`."""

from execution import api, halt_api, limit_api, portfolio_api

urlpatterns = [
    *api.urlpatterns,
    *halt_api.urlpatterns,
    *limit_api.urlpatterns,
    *portfolio_api.urlpatterns,
]
