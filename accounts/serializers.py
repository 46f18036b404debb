from accounts.models import Domain
from fastsmtp.api.serializers import CleanSerializer


class DomainSerializer(CleanSerializer):
    class Meta:
        model = Domain
        fields = [
            "id",
            "domain_name",
            "is_enabled",
            "verify_dkim",
            "verify_spf",
            "reject_dkim_fail",
            "reject_spf_fail",
            "preserve_raw_message",
            "created_at",
            "updated_at",
        ]
