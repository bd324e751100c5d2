"""The addresses of the markets room below `/api/v1`."""

from markets import api, bet_api, pair_api

urlpatterns = [*api.urlpatterns, *pair_api.urlpatterns, *bet_api.urlpatterns]
