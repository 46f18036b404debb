from django.urls import path

from rules.views import ReorderView, RuleSetsView, RuleSetView, RulesView, RuleView

RULESET = "domains/<str:domain_id>/rulesets/<str:ruleset_id>"

urlpatterns = [
    path("domains/<str:domain_id>/rulesets", RuleSetsView.as_view()),
    path(RULESET, RuleSetView.as_view()),
    path(f"{RULESET}/rules", RulesView.as_view()),
    path(f"{RULESET}/reorder", ReorderView.as_view()),
    path("domains/<str:domain_id>/rules/<str:rule_id>", RuleView.as_view()),
    # What the published client uses.
    path("rulesets/<str:ruleset_id>", RuleSetView.as_view()),
    path("rulesets/<str:ruleset_id>/rules", RulesView.as_view()),
    path("rules/<str:rule_id>", RuleView.as_view()),
]
