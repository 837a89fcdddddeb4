"""Which mentions are one entity, and its nominative name."""

from pipeline.artifact import Word
from pipeline.names import Found, entities
from pipeline.nominative import _plural
from tests.texts import parse_of, words

GEN, INS, NOM, LOC, ACC = (f"Case={case}|Gender=Fem|Number=Sing" for case in ("Gen", "Ins", "Nom", "Loc", "Acc"))
MASC = "Animacy=Anim|Case={}|Gender=Masc|Number=Sing"


def text_of(*sentences: tuple[Word, ...]) -> str:
    return " ".join(word.form for sentence in sentences for word in sentence)


def named(*rows: tuple[str, str, str, str, int, str], kind: str = "ORG", last: int | None = None) -> str:
    """The canonical name of one mention that is the whole sentence."""
    sentence = words(*rows)
    found = [Found(0, 0, len(rows) - 1 if last is None else last, kind)]
    (entity,) = entities(text_of(sentence), parse_of(sentence), found)
    return entity.name


def test_cases_of_one_name_are_one_entity_in_the_nominative() -> None:
    sentence = words(
        ("Туреччини", "Туреччина", "PROPN", GEN, 0, "root"),
        ("з", "з", "ADP", "", 3, "case"),
        ("Туреччиною", "Туреччина", "PROPN", INS, 1, "nmod"),
    )
    (entity,) = entities(text_of(sentence), parse_of(sentence), [Found(0, 0, 0, "LOC"), Found(0, 2, 2, "LOC")])
    assert entity.name == "Туреччина"
    assert [mention.text for mention in entity.mentions] == ["Туреччини", "Туреччиною"]


def test_an_unsure_lemma_does_not_part_two_forms() -> None:
    sentence = words(
        ("Умєрову", "Умєрову", "PROPN", MASC.format("Dat"), 0, "root"),
        ("Умєровим", "Умєров", "PROPN", MASC.format("Ins"), 1, "conj"),
    )
    found = [Found(0, 0, 0, "PERS"), Found(0, 1, 1, "PERS")]
    assert len(entities(text_of(sentence), parse_of(sentence), found)) == 1


def test_a_first_name_joins_the_full_name() -> None:
    sentence = words(
        ("Рустем", "Рустем", "PROPN", MASC.format("Nom"), 0, "root"),
        ("Умєров", "Умєров", "PROPN", MASC.format("Nom"), 1, "flat:name"),
        ("Рустема", "Рустем", "PROPN", MASC.format("Gen"), 1, "nmod"),
    )
    (entity,) = entities(text_of(sentence), parse_of(sentence), [Found(0, 0, 1, "PERS"), Found(0, 2, 2, "PERS")])
    assert entity.name == "Рустем Умєров"
    assert len(entity.mentions) == 2


def test_a_first_name_that_two_people_bear_stays_apart() -> None:
    sentence = words(
        ("Андрій", "Андрій", "PROPN", MASC.format("Nom"), 0, "root"),
        ("Єрмак", "Єрмак", "PROPN", MASC.format("Nom"), 1, "flat:name"),
        ("Андрій", "Андрій", "PROPN", MASC.format("Nom"), 1, "conj"),
        ("Сибіга", "Сибіга", "PROPN", MASC.format("Nom"), 3, "flat:name"),
        ("Андрія", "Андрій", "PROPN", MASC.format("Gen"), 1, "nmod"),
    )
    found = [Found(0, 0, 1, "PERS"), Found(0, 2, 3, "PERS"), Found(0, 4, 4, "PERS")]
    assert len(entities(text_of(sentence), parse_of(sentence), found)) == 3


def test_the_same_words_of_another_type_are_another_entity() -> None:
    sentence = words(("Київ", "Київ", "PROPN", NOM, 0, "root"), ("Київ", "Київ", "PROPN", NOM, 1, "conj"))
    assert len(entities(text_of(sentence), parse_of(sentence), [Found(0, 0, 0, "LOC"), Found(0, 1, 1, "ORG")])) == 2


def test_an_abbreviation_joins_what_it_stands_for() -> None:
    plural = "Case=Nom|Number=Plur"
    sentence = words(
        ("Збройні", "збройний", "ADJ", plural, 2, "amod"),
        ("Сили", "сила", "NOUN", plural, 0, "root"),
        ("України", "Україна", "PROPN", GEN, 2, "nmod"),
        ("ЗСУ", "ЗСУ", "PROPN", "", 2, "conj"),
    )
    (entity,) = entities(text_of(sentence), parse_of(sentence), [Found(0, 0, 2, "ORG"), Found(0, 3, 3, "ORG")])
    assert entity.name == "Збройні Сили України"


def test_a_genitive_dependent_stays_as_it_stands() -> None:
    assert (
        named(
            ("Коаліції", "коаліція", "NOUN", GEN, 0, "root"),
            ("охочих", "охочий", "ADJ", "Case=Gen|Number=Plur", 1, "nmod"),
        )
        == "Коаліція охочих"
    )


def test_adjectives_agree_with_their_head() -> None:
    assert (
        named(
            ("Верховною", "верховний", "ADJ", INS, 2, "amod"),
            ("Радою", "рада", "NOUN", INS, 0, "root"),
            ("України", "Україна", "PROPN", GEN, 2, "nmod"),
        )
        == "Верховна Рада України"
    )
    assert (
        named(
            ("Європейського", "європейський", "ADJ", "Case=Gen|Gender=Masc|Number=Sing", 2, "amod"),
            ("Союзу", "союз", "NOUN", "Case=Gen|Gender=Masc|Number=Sing", 0, "root"),
        )
        == "Європейський Союз"
    )
    assert (
        named(
            ("Чорним", "чорний", "ADJ", "Case=Ins|Gender=Neut|Number=Sing", 2, "amod"),
            ("морем", "море", "NOUN", "Case=Ins|Gender=Neut|Number=Sing", 0, "root"),
            kind="LOC",
        )
        == "Чорне море"
    )


def test_a_plural_name_stays_plural() -> None:
    plural = "Case=Gen|Number=Plur"
    assert (
        named(
            ("Збройних", "збройний", "ADJ", plural, 2, "amod"),
            ("Сил", "сила", "NOUN", plural, 0, "root"),
            ("України", "Україна", "PROPN", GEN, 2, "nmod"),
        )
        == "Збройні Сили України"
    )


def test_a_full_name_is_inflected_in_all_its_parts() -> None:
    assert (
        named(
            ("Володимиром", "Володимир", "PROPN", MASC.format("Ins"), 0, "root"),
            ("Зеленським", "Зеленський", "PROPN", MASC.format("Ins"), 1, "flat:name"),
            kind="PERS",
        )
        == "Володимир Зеленський"
    )


def test_a_nominative_mention_wins() -> None:
    first = words(("Умєровим", "умєровий", "PROPN", MASC.format("Ins"), 0, "root"))
    second = words(("Умєров", "умєров", "PROPN", MASC.format("Nom"), 0, "root"))
    shifted = tuple(
        Word(*(getattr(w, name) for name in w.__struct_fields__[:7]), w.start + 9, w.end + 9) for w in second
    )
    text = text_of(first, second)
    (entity,) = entities(text, parse_of(first, shifted), [Found(0, 0, 0, "PERS"), Found(1, 0, 0, "PERS")])
    assert entity.name == "Умєров"


def test_a_lemma_that_is_no_form_of_the_word_is_not_believed() -> None:
    assert named(("Шольцом", "Дольц", "PROPN", MASC.format("Ins"), 0, "root"), kind="PERS") == "Шольцом"


def test_abbreviations_and_numbers_do_not_decline() -> None:
    assert named(("НАТО", "нато", "PROPN", "Case=Gen", 0, "root")) == "НАТО"
    assert (
        named(
            ("5", "5", "NUM", "", 0, "root"),
            ("січня", "січень", "NOUN", "Case=Gen|Number=Sing", 1, "nmod"),
            kind="DATE",
        )
        == "5 січня"
    )


def test_thousands_of_names_are_joined_without_comparing_all_with_all() -> None:
    rows = [(f"Назва{number}", f"назва{number}", "PROPN", NOM, 0, "root") for number in range(5000)]
    sentence = words(*rows)
    found = [Found(0, at, at, "ORG") for at in range(5000)]
    assert len(entities(text_of(sentence), parse_of(sentence), found)) == 5000


def test_a_man_and_a_woman_of_one_surname_are_two_people() -> None:
    sentence = words(
        ("Зеленський", "Зеленський", "PROPN", MASC.format("Nom"), 0, "root"),
        ("Зеленська", "Зеленська", "PROPN", NOM, 1, "conj"),
    )
    found = [Found(0, 0, 0, "PERS"), Found(0, 1, 1, "PERS")]
    assert [e.name for e in entities(text_of(sentence), parse_of(sentence), found)] == ["Зеленський", "Зеленська"]


def test_a_patronymic_does_not_part_a_name() -> None:
    sentence = words(
        ("Володимир", "Володимир", "PROPN", MASC.format("Nom"), 0, "root"),
        ("Олександрович", "Олександрович", "PROPN", MASC.format("Nom"), 1, "flat:name"),
        ("Зеленський", "Зеленський", "PROPN", MASC.format("Nom"), 1, "flat:name"),
        ("Володимиру", "Володимир", "PROPN", MASC.format("Dat"), 1, "conj"),
        ("Зеленському", "Зеленський", "PROPN", MASC.format("Dat"), 4, "flat:name"),
    )
    (entity,) = entities(text_of(sentence), parse_of(sentence), [Found(0, 0, 2, "PERS"), Found(0, 3, 4, "PERS")])
    assert entity.name == "Володимир Олександрович Зеленський"


def test_a_feminine_name_that_declines_as_an_adjective() -> None:
    assert (
        named(
            ("Білої", "білий", "ADJ", GEN, 2, "amod"),
            ("Церкви", "церква", "PROPN", GEN, 0, "root"),
            kind="LOC",
        )
        == "Біла Церква"
    )


def test_coordinated_adjectives_agree_with_their_head() -> None:
    plural = "Case=Loc|Number=Plur"
    assert (
        named(
            ("Луганській", "луганський", "ADJ", LOC, 4, "amod"),
            ("та", "та", "CCONJ", "", 3, "cc"),
            ("Донецькій", "донецький", "ADJ", LOC, 1, "conj"),
            ("областях", "область", "NOUN", plural, 0, "root"),
            kind="LOC",
        )
        == "Луганська та Донецька області"
    )


def test_half_a_name_is_never_turned() -> None:
    assert (
        named(
            ("Служби", "служб", "NOUN", GEN, 0, "root"),
            ("безпеки", "безпека", "NOUN", GEN, 1, "nmod"),
        )
        == "Служби безпеки"
    )
    assert (
        named(
            ("Оксану", "Оксана", "PROPN", ACC, 0, "root"),
            ("Маркарову", "Умаркаров", "PROPN", ACC, 1, "flat:name"),
            kind="PERS",
        )
        == "Оксану Маркарову"
    )


def test_what_is_counted_stays_as_it_stands() -> None:
    assert (
        named(
            ("двох", "два", "NUM", "Case=Gen", 2, "nummod"),
            ("тижнів", "тиждень", "NOUN", "Case=Gen|Gender=Masc|Number=Plur", 0, "root"),
            kind="PERIOD",
        )
        == "двох тижнів"
    )


def test_plurals_are_words() -> None:
    plurals = {
        "сила": "сили", "нація": "нації", "область": "області", "держава": "держави", "місто": "міста", "море": "моря",
        "сховище": "сховища", "росіянин": "росіяни", "захисник": "захисники", "рік": "роки", "українець": "українці",
        "лікар": "лікарі", "ідея": "ідеї", "весілля": "весілля", "Карпати": "Карпати", "музей": "музеї",
        "тисяча": "тисячі",        "партія": "партії", "можливість": "можливості",
    }  # fmt: skip
    assert {lemma: _plural(lemma) for lemma in plurals} == plurals
