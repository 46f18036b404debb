from django.urls import path

from delivery.views import RecipientsView

urlpatterns = [path("domains/<str:domain_id>/recipients", RecipientsView.as_view())]
