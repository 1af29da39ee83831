"""Every word of a page goes through translation, and every word is translated."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from tests.support import untranslated

FRENCH = untranslated.CHECKOUT / "archive" / "locale" / "fr" / "LC_MESSAGES"
DOMAINS = {"django": "html,py", "djangojs": "js"}
TEMPLATES = untranslated.templates()


@pytest.mark.parametrize("path", TEMPLATES, ids=[path.name for path in TEMPLATES])
def test_templates_say_nothing_untranslated(path):
    assert untranslated.find_in(path) == []


def test_scripts_say_nothing_untranslated():
    assert {path.name: found for path in untranslated.scripts() if (found := untranslated.find_in(path))} == {}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Some words</p>", ["Some words"]),
        ('<img alt="A map">', ["A map"]),
        ('{% include "x.html" with title="A title" %}', ['include "x.html" with title="A title"']),
        ("{{ n }} row{{ n|pluralize }}", ["n|pluralize", "… row …"]),
        ('{% sort_head "ra" "Right ascension" "deg" %}', ['sort_head "ra" "Right ascension" "deg"']),
        ('<p>{% translate "Words" %} {{ x|fixed:2 }} keV <code>some_code</code></p>', []),
        ("{% blocktranslate %}Words <b>here</b>{% endblocktranslate %}", []),
        ('<b translate="no">Winkler et al.</b> {# a note #}', []),
    ],
)
def test_untranslated_words_are_found(template, words):
    assert [found for _, found in untranslated.find_in_template(template)] == words


def test_untranslated_words_of_scripts_are_found():
    script = 'say("Two words");\nsay(gettext("Two words"), ngettext("One row of %(x)s", "Many rows of %(x)s", n));\n// "A comment here"\n'
    assert list(untranslated.find_in_script(script)) == [(1, "Two words")]


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_message_is_translated_and_compiled(domain):
    with (FRENCH / f"{domain}.po").open("rb") as file:
        written = read_po(file, locale="fr")
    with (FRENCH / f"{domain}.mo").open("rb") as file:
        compiled = {(_text(one.context), _frozen(one.id)): _frozen(one.string) for one in read_mo(file) if one.id}
    assert len(compiled) == len([one for one in written if one.id])
    for message in written:
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms), message.id
        assert compiled.get((message.context, message.id)) == message.string, f"{message.id}: compile anew"
        sources = message.id if isinstance(message.id, tuple) else (message.id,)
        for form in forms:
            # The singular may say "one" in place of the number.
            assert any(_placeholders(form) == _placeholders(source) for source in sources), (message.id, form)
            assert any(_tags(form) == _tags(source) for source in sources), (message.id, form)


def _text(context):
    return context.decode() if isinstance(context, bytes) else context


def _frozen(words):
    return tuple(words) if isinstance(words, list) else words


def _placeholders(words):
    return sorted(re.findall(r"%\(\w+\)[sd]|%%", words))


def _tags(words):
    return sorted(re.findall(r"</?[a-z][^>]*>", words))


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="needs GNU gettext (apt-get install gettext)")
@pytest.mark.parametrize("domain", DOMAINS)
def test_no_word_is_missing_from_the_catalogues(domain, tmp_path):
    """What is extracted from the sources now is what the catalogues hold."""
    sources = tmp_path / "sources"
    for package in untranslated.PACKAGES:
        for ending in DOMAINS[domain].split(","):
            for path in (untranslated.CHECKOUT / package).rglob(f"*.{ending}"):
                if not {"vendor", "migrations", "locale"} & set(path.parts):
                    copy = sources / path.relative_to(untranslated.CHECKOUT)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.symlink_to(path)
    (tmp_path / "locale").mkdir()
    (tmp_path / "extracting.py").write_text(f"LOCALE_PATHS = [{str(tmp_path / 'locale')!r}]\nUSE_I18N = True\n")
    subprocess.run(
        [sys.executable, "-m", "django", "makemessages", "-l", "fr", "-d", domain, "-e", DOMAINS[domain], "--symlinks"],
        cwd=sources,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "extracting"},
        check=True,
        capture_output=True,
    )
    assert _ids(tmp_path / "locale" / "fr" / "LC_MESSAGES" / f"{domain}.po") == _ids(FRENCH / f"{domain}.po")


def _ids(path):
    with path.open("rb") as file:
        return {(message.context, message.id) for message in read_po(file) if message.id}
