from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import User

# Rights come from memberships of domains.
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    list_display = ["username", "email", "is_superuser", "is_active", "last_login"]
    list_filter = ["is_superuser", "is_active"]
    search_fields = ["username", "email"]
    show_full_result_count = False
    filter_horizontal = ()
    readonly_fields = ["last_login", "created_at"]
    fieldsets = [
        (None, {"fields": ["username", "password", "email"]}),
        ("Rights", {"fields": ["is_active", "is_superuser"]}),
        ("Dates", {"fields": ["last_login", "created_at"]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "fields": [
                    "username",
                    "email",
                    "is_superuser",
                    "usable_password",
                    "password1",
                    "password2",
                ]
            },
        )
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        # Nobody locks themselves out.
        own = ["is_active", "is_superuser"] if obj == request.user else []
        return [*self.readonly_fields, *own]

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return obj != request.user and super().has_delete_permission(request, obj)
