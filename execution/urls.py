"""The addresses of the execution room below `/api/v1`."""

from execution import api, halt_api, hedge_api, limit_api, order_api, portfolio_api

# Orders by hand before the others: `orders/submit` is no order's id
urlpatterns = [
    *order_api.urlpatterns,
    *api.urlpatterns,
    *halt_api.urlpatterns,
    *limit_api.urlpatterns,
    *portfolio_api.urlpatterns,
    *hedge_api.urlpatterns,
]
