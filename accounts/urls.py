from django.urls import path

from accounts.views import DomainsView

urlpatterns = [path("domains", DomainsView.as_view())]
