"""What allauth asks this archive."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Accounts may be opened by anyone unless ``ARCHIPELAGO_SIGNUP=0``."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Tell whether the form for new accounts is offered."""
        return settings.SIGNUP_OPEN
