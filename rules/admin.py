"""Rule sets with their rules; superusers only. `Rule.clean` refuses what cannot be evaluated."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, StackedInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from rules.models import Rule, RuleSet


class TagsField(forms.CharField):
    """Typed with commas in between."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [tag.strip() for tag in super().clean(value).split(",") if tag.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class RuleForm(forms.ModelForm):
    # Spaces at the ends may be meant.
    value = forms.CharField(required=False, strip=False, widget=UnfoldAdminTextInputWidget)
    add_tags = TagsField(required=False, help_text="With commas in between.")

    class Meta:
        model = Rule
        fields = "__all__"
        widgets = {"webhook_url_override": UnfoldAdminTextInputWidget}
        help_texts = {
            "field": "from, to, cc, subject, body, header:<name>, envelope_from, recipient, "
            "recipient_tag, has_attachment, attachment_count, attachment_name, attachment_type, "
            "size, client_ip, dkim_result, dkim_domain, spf_result, spf_domain or tags.",
        }


class RuleFormSet(forms.BaseInlineFormSet):
    """Rules that are saved together are counted together."""

    def clean(self) -> None:
        super().clean()
        added = [form for form in self.extra_forms if form.has_changed()]
        growth = len(added) - len(self.deleted_forms)
        if growth > 0 and not any(self.errors):
            self.instance.check_room(growth)


class RuleInline(StackedInline):
    model = Rule
    form = RuleForm
    formset = RuleFormSet
    extra = 0
    fields = [
        ("order", "field", "operator", "value", "case_sensitive"),
        ("action", "webhook_url_override", "add_tags", "preserve_raw"),
    ]


@admin.register(RuleSet)
class RuleSetAdmin(ModelAdmin):
    list_display = ["name", "domain", "priority", "stop_on_match", "is_enabled", "rule_count"]
    list_filter = [("domain", AutocompleteSelectFilter), ("is_enabled", BooleanRadioFilter)]
    list_filter_submit = True
    list_select_related = ["domain"]
    search_fields = ["name", "domain__domain_name"]
    show_full_result_count = False
    autocomplete_fields = ["domain"]
    fields = ["domain", "name", "priority", "stop_on_match", "is_enabled"]
    inlines = [RuleInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleSet]:
        return super().get_queryset(request).annotate(rule_count=Count("rules"))

    def get_readonly_fields(self, request: HttpRequest, obj: RuleSet | None = None) -> list[str]:
        return [] if obj is None else ["domain"]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        for rule in [*formset.new_objects, *(rule for rule, _ in formset.changed_objects)]:
            for warning in rule.warnings:
                messages.warning(request, f"{warning}.")

    @display(description="rules", ordering="rule_count")
    def rule_count(self, ruleset: Any) -> int:
        return ruleset.rule_count
