"""The addresses of the execution room below `/api/v1`."""

from execution import api, order_api

# Before the others: `orders/submit` is no order's id
urlpatterns = [*order_api.urlpatterns, *api.urlpatterns]
