"""Addresses of accounts: allauth's forms that need no mail server, and the archive's own page."""

from allauth.account import views as allauth_views
from django.urls import path

from archive.accounts import views

urlpatterns = [
    path("account", views.account, name="account"),
    path("account/tokens", views.add_token, name="account-tokens"),
    path("account/tokens/<int:token_id>/revoke", views.revoke_token, name="account-token-revoke"),
    path("account/watches", views.add, name="account-watches"),
    path("account/watches/seen", views.seen, name="account-watches-seen"),
    path("account/watches/<int:watch_id>/remove", views.remove, name="account-watch-remove"),
    path("account/login", allauth_views.login, name="account_login"),
    path("account/logout", allauth_views.logout, name="account_logout"),
    path("account/signup", allauth_views.signup, name="account_signup"),
    path("account/inactive", allauth_views.account_inactive, name="account_inactive"),
    path("account/reauthenticate", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("account/password", allauth_views.password_change, name="account_change_password"),
]
