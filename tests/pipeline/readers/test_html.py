"""Of a page, its article: what stands around it is left out, what the page says of itself is checked."""

from datetime import datetime, timedelta, timezone

import pytest

from pipeline.readers.html_page import fragment_text
from tests.pipeline.readers.reading import transcript

FIRST = (
    "У Чернігові сьогодні відкрили новий міст через Десну. Будівництво тривало два роки, на церемонію прийшли сотні."
)
SECOND = "«Ми чекали цього дня довго», — сказала міська голова. За її словами, рух транспорту почнеться завтра вранці."
THIRD = "Проєкт коштував сто двадцять мільйонів гривень. Гроші дали міський бюджет і міжнародні партнери міста."


def page(charset: str = "utf-8", canonical: str = "https://www.visnyk.example/novyny/mist", lang: str = "uk") -> str:
    return f"""<!doctype html><html lang="{lang}"><head><meta charset="{charset}"><title>Міст | Вісник</title>
<meta property="og:title" content="Міст через Десну"><meta name="author" content="Олена Коваль">
<meta property="article:published_time" content="2026-01-02T18:30:00+02:00"><link rel="canonical" href="{canonical}">
</head><body><nav><a href="/">Головна</a> <a href="/p">Політика</a></nav>
<article><h1>Міст через Десну</h1><p>{FIRST}</p><p>{SECOND}</p><p>{THIRD}</p></article>
<footer>Усі права захищено</footer></body></html>"""


def test_the_article_and_what_the_page_says_of_it() -> None:
    found = transcript(page())
    assert found.text.endswith(f"{FIRST}\n\n{SECOND}\n\n{THIRD}")
    assert "Політика" not in found.text and "права" not in found.text
    assert (found.format, found.title, found.speakers) == ("html", "Міст через Десну", ("Олена Коваль",))
    assert found.published == datetime(2026, 1, 2, 18, 30, tzinfo=timezone(timedelta(hours=2)))
    assert (found.url, found.source) == ("https://www.visnyk.example/novyny/mist", "visnyk.example")
    assert found.language == "uk"


@pytest.mark.parametrize(("declared", "header"), [("windows-1251", ""), ("utf-8", "text/html; charset=windows-1251")])
def test_the_encoding_is_that_of_the_header_or_of_the_page(declared: str, header: str) -> None:
    found = transcript(page(declared).encode("cp1251"), media_type=header)
    assert FIRST in found.text


def test_a_canonical_address_that_cannot_be_right_is_not_taken() -> None:
    fetched = "https://visnyk.example/novyny/mist?utm=1"
    assert transcript(page(), url=fetched).url == "https://www.visnyk.example/novyny/mist"
    for wrong in ("https://www.visnyk.example/", "https://other.example/novyny/mist", "javascript:alert(1)"):
        assert transcript(page(canonical=wrong), url=fetched).url == fetched


def test_a_template_in_english_makes_no_english_text() -> None:
    assert transcript(page(lang="en-US")).language is None
    assert transcript(page(lang="ru")).language == "ru"


def test_a_fragment_gives_its_blocks_as_paragraphs() -> None:
    markup = "<p>Один<br>два &amp; три.</p><script>x()</script>Чотири\nп'ять<ul><li>шість<li>сім</ul><!-- ні -->"
    assert fragment_text(markup) == "Один\nдва & три.\n\nЧотири п'ять\n\nшість\n\nсім"
