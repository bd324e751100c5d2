"""The addresses of the markets room below `/api/v1`."""

from markets import api
from markets.betting import api as bet_api
from markets.pairing import api as pair_api

urlpatterns = [*api.urlpatterns, *pair_api.urlpatterns, *bet_api.urlpatterns]
