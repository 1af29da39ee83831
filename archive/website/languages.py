"""The language of pages: the one that the reader chose, else the one that the browser asks for, else English.

Only the words of pages are translated. What the archive publishes (names, columns, descriptions, rows), what programs
read (TAP, the API, DataLink) and the sentences of errors are in English for everyone, so that they can be quoted and
searched for (docs/decisions/0060-translation.md).
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django.views.i18n import JavaScriptCatalog
from django.views.i18n import set_language as _set_language

from archive.errors import NotFoundError

_FOR_PROGRAMS = "/api/"
_PAGES_OF_THE_API = ("/api/v1/docs", "/api/v1/upper-limits/jobs/")
"""Addresses of the API that show a page to a browser, which asks for HTML by name; all others are English."""

# Without a token, which would need a cookie on every page: the worst a foreign form can do is to change the language.
choose_language = csrf_exempt(require_POST(_set_language))
choose_language.__doc__ = "Keep the language that was chosen in a cookie, and go back to the page."

_catalogue = JavaScriptCatalog.as_view()


@cache_control(max_age=3600)
def words(request: HttpRequest, language: str) -> HttpResponse:
    """Give scripts their words in a language."""
    if language not in dict(settings.LANGUAGES):
        raise NotFoundError(f"The pages are not translated into {language!r}; there are {dict(settings.LANGUAGES)}.")
    with translation.override(language):
        return _catalogue(request)


def page_language(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer in the language of the reader (RFC 9110 section 12.5.4), and tell caches what the answer depends on."""

    def answer(request: HttpRequest) -> HttpResponse:
        for_programs = request.path_info.startswith(_FOR_PROGRAMS) and not (
            request.path_info.startswith(_PAGES_OF_THE_API) and "text/html" in request.headers.get("Accept", "")
        )
        language = settings.LANGUAGE_CODE if for_programs else translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language  # pyright: ignore[reportAttributeAccessIssue] - Django documents it
            response = get_response(request)
        if response.get("Content-Type", "").startswith("text/html") and not for_programs:
            patch_vary_headers(response, ["Accept-Language", "Cookie"])  # pyright: ignore[reportArgumentType] - any sequence
            response.setdefault("Content-Language", language)
        return response

    return answer
