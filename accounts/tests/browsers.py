"""Who is signed in to the admin."""

from django.test import Client

from accounts.models import User


def superuser_browser() -> Client:
    """Of a new one, alice."""
    client = Client()
    client.force_login(User.objects.create_user("alice", is_superuser=True))
    return client
