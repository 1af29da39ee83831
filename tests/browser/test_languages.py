"""A reader changes the language and stays where they were; scripts change theirs too."""

from tests.support.web_archive import SERIES


def test_choice_of_a_language_reaches_the_words_of_scripts(open_page, site):
    page = open_page(f"/products/{SERIES}", locale="en-GB")
    page.get_by_text("points as stored", exact=False).wait_for()
    page.get_by_role("button", name="Français").click()
    page.get_by_text("tels que conservés", exact=False).wait_for()
    assert page.url == f"{site}/products/{SERIES}"
    assert page.locator("html").get_attribute("lang") == "fr"
    page.get_by_role("link", name="Sources", exact=True).click()
    page.get_by_role("link", name="Aller au contenu").wait_for(state="attached")
    page.get_by_role("button", name="English").click()
    page.get_by_role("link", name="Skip to the content").wait_for(state="attached")
    assert page.url == f"{site}/sources/"
