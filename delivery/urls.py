from django.urls import path

from delivery.views import RecipientsView, RulesTestView

urlpatterns = [
    path("domains/<str:domain_id>/recipients", RecipientsView.as_view()),
    path("domains/<str:domain_id>/rules/test", RulesTestView.as_view()),
]
