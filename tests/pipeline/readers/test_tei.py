"""Parliament: who says what, without what nobody says."""

from datetime import UTC, datetime

from tests.pipeline.readers.reading import items, spoken, transcript

HEADER = """<teiHeader><fileDesc>
  <titleStmt><title type="main" xml:lang="en">Sitting</title><title type="main" xml:lang="uk">Засідання  Ради</title>
  <title type="sub" xml:lang="uk">Дев'яте скликання</title></titleStmt>
  <publicationStmt><publisher>Видавець корпусу</publisher><date when="2030-01-01"/></publicationStmt>
  <sourceDesc><bibl><publisher>Верховна Рада</publisher><idno type="URI">https://rada.example/1</idno>
  <date when="2024-03-05">5.3.2024</date></bibl></sourceDesc></fileDesc>
  <profileDesc><particDesc><listPerson>
    <person xml:id="KovalOlena"><persName><surname>Коваль</surname><forename>Олена</forename></persName></person>
  </listPerson></particDesc></profileDesc></teiHeader>"""


def tei(body: str) -> str:
    return (
        f'<TEI xmlns="http://www.tei-c.org/ns/1.0" xml:lang="uk" xml:id="Rada_2024">{HEADER}'
        f'<text><body><div type="debateSection">{body}</div></body></text></TEI>'
    )


PLAIN = tei("""<note type="time">10:00</note>
  <u who="#KovalOlena" xml:id="u1"><seg>Доброго <note>шум</note>дня, <vocal><desc>сміх</desc></vocal>колеги!</seg>
    <incident><desc>дзвінок</desc></incident><seg>Почнімо.<!-- ні --> Так.</seg></u>
  <u who="#Невідомий"><seg xml:lang="ru">Здравствуйте.</seg><seg>Дякую.<gap reason="inaudible"/></seg></u>""")


def test_utterances_become_segments_with_names_and_languages() -> None:
    found = transcript(PLAIN)
    assert (found.format, found.language, found.title, found.source) == ("tei", "uk", "Засідання Ради", "Верховна Рада")
    assert (found.guid, found.url) == ("Rada_2024", "https://rada.example/1")
    assert found.published == datetime(2024, 3, 5, tzinfo=UTC)
    assert spoken(found) == [
        ("Доброго дня, колеги!", "Олена Коваль"),
        ("Почнімо. Так.", "Олена Коваль"),
        ("Здравствуйте.", "Невідомий"),
        ("Дякую.", "Невідомий"),
    ]
    assert [each.language for each in found.segments] == [None, None, "ru", None]
    assert found.text == "\n\n".join(words for words, _ in spoken(found))


def test_annotated_words_are_put_together_again() -> None:
    body = """<u who="#a"><seg><s><w join="right" lemma="добрий">Доброго</w><pc>,</pc> <name><w>пані</w></name>
      <w join="right">щоб<w norm="що"/><w norm="би"/></w><pc>!</pc></s><s><w>Так</w></s></seg></u>"""
    assert transcript(tei(body)).text == "Доброго, пані щоб! Так"


def test_a_corpus_in_one_file_is_as_many_transcripts_as_it_has_sittings() -> None:
    corpus = f'<teiCorpus xmlns="http://www.tei-c.org/ns/1.0">{HEADER}{PLAIN}{PLAIN}</teiCorpus>'
    found = items(corpus, "rada.xml")
    assert [item.name for item in found] == ["#1", "#2"]
    assert all(spoken(item.transcript())[0][1] == "Олена Коваль" for item in found)


def test_a_text_without_utterances_is_still_a_text() -> None:
    assert transcript(tei("<p>Просто текст.</p>")).text == "Просто текст."
