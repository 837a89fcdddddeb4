from pathlib import Path

import pymorphy3_dicts_uk
import pytest

from pipeline.models.dictionary import Dictionary
from pipeline.models.train.dictionary import compile_dictionary, reading_of


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory: pytest.TempPathFactory) -> Dictionary:
    """Of words that begin with «міст», one file on the way to Ukrainian's."""
    folder = tmp_path_factory.mktemp("dictionary")
    compile_dictionary(Path(pymorphy3_dicts_uk.get_path()), folder, "міст")
    return Dictionary(folder)


def readings(dictionary: Dictionary, form: str) -> set[tuple[str, str, str]]:
    return {
        (analysis.lemma, analysis.features.get("Case", ""), analysis.features.get("Number", ""))
        for analysis in dictionary.analyses(form)
        if "NOUN" in analysis.parts
    }


def test_a_form_has_all_its_readings(dictionary: Dictionary) -> None:
    assert {("місто", "Gen", "Sing"), ("місто", "Nom", "Plur")} <= readings(dictionary, "міста")
    assert ("міст", "Ins", "Sing") in readings(dictionary, "мостом")


def test_letters_case_and_apostrophes_do_not_matter(dictionary: Dictionary) -> None:
    assert dictionary.analyses("МІСТА") == dictionary.analyses("міста") != ()


def test_what_is_not_in_it_has_no_readings_and_is_not_judged(dictionary: Dictionary) -> None:
    assert dictionary.analyses("абракадабра") == dictionary.analyses("") == ()
    assert dictionary.judge("абракадабра", "NOUN|Case=Gen") == (0.0, frozenset())


def test_a_tag_is_judged_by_the_reading_that_contradicts_least(dictionary: Dictionary) -> None:
    of = dictionary.judge
    assert of("міста", "NOUN|Animacy=Inan|Case=Gen|Gender=Neut|Number=Sing") == (0, {"місто"})
    assert of("моста", "NOUN|Animacy=Inan|Case=Gen|Gender=Masc|Number=Sing") == (0, {"міст"})
    assert of("міста", "NOUN|Animacy=Inan|Case=Ins|Gender=Neut|Number=Sing").contradictions == 1
    assert of("міста", "VERB|Aspect=Imp").contradictions == 0.5
    assert dictionary.lemmas("міста", "NOUN|Case=Gen") == {"місто"}
    assert dictionary.lemmas("міста", "NOUN|Case=Ins") == frozenset()


def test_one_of_several_values_is_no_contradiction(dictionary: Dictionary) -> None:
    assert dictionary.judge("міста", "NOUN|Case=Gen|Gender=Fem,Neut|Number=Sing").contradictions == 0


@pytest.mark.parametrize(
    ("tag", "reading"),
    [
        ("NOUN,anim masc,nomn", "NOUN,PROPN|Animacy=Anim|Case=Nom|Gender=Masc|Number=Sing"),
        ("NOUN,Abbr,Fixd,neut,inan gent", "NOUN,PROPN|Animacy=Inan|Case=Gen|Gender=Neut"),
        ("VERB,Infr,impf masc,past", "AUX,VERB|Aspect=Imp|Gender=Masc|Tense=Past"),
        ("Slng", "X"),
    ],
)
def test_grammemes_become_features(tag: str, reading: str) -> None:
    assert reading_of(tag) == reading
