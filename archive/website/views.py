"""Pages of the archive itself."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def home(request: HttpRequest) -> HttpResponse:
    """The search box and what the archive holds."""
    return render(request, "archive/home.html")
