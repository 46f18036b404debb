from accounts.models.api_key import APIKey
from accounts.models.directory import DirectoryEntry, DirectoryVersion
from accounts.models.domain import Domain, Membership
from accounts.models.user import User

__all__ = ["APIKey", "DirectoryEntry", "DirectoryVersion", "Domain", "Membership", "User"]
