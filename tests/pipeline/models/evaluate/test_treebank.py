"""Trees against a treebank made by hand."""

import io
from pathlib import Path

import pytest
from udtools import udeval

from pipeline.models.evaluate import treebank
from pipeline.models.evaluate.reading import Reader
from pipeline.models.evaluate.treebank import EvaluationError, GoldDocument

SLEEPS = """\
1\tКіт\tкіт\tNOUN\t_\tCase=Nom\t2\tnsubj\t_\t_
2\tспить\tспати\tVERB\t_\tTense=Pres\t0\troot\t_\tSpaceAfter=No
3\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_"""
GOES = """\
1\tВін\tвін\tPRON\t_\tCase=Nom\t2\tnsubj\t_\t_
2\tйде\tйти\tVERB\t_\tTense=Pres\t0\troot\t_\t_
3\tдодому\tдодому\tADV\t_\t_\t2\tadvmod\t_\tSpaceAfter=No
4\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_"""
TOGETHER = """\
1\tКіт\tкіт\tNOUN\t_\tCase=Nom\t2\tnsubj\t_\t_
2\tспить\tспати\tVERB\t_\tTense=Pres\t0\troot\t_\tSpaceAfter=No
3\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_
4\tВін\tвін\tPRON\t_\tCase=Nom\t5\tnsubj\t_\t_
5\tйде\tйти\tVERB\t_\tTense=Pres\t2\tparataxis\t_\t_
6\tдодому\tдодому\tADV\t_\t_\t5\tadvmod\t_\tSpaceAfter=No
7\t.\t.\tPUNCT\t_\t_\t5\tpunct\t_\t_"""
GOLD = GoldDocument("d", "Кіт спить. Він йде додому.", (SLEEPS, GOES))


def scores(document: GoldDocument, said: str) -> dict[str, tuple[int, int, int]]:
    rows = treebank.score_said([document], [said]).each()
    return {row.label: (row.gold, row.said, row.right) for row in rows}


def test_what_is_said_right_is_right() -> None:
    found = scores(GOLD, f"{SLEEPS}\n\n{GOES}\n\n")
    assert found["Sentences"] == (2, 2, 2)
    assert all(found[metric] == (7, 7, 7) for metric in ("Tokens", "UPOS", "UFeats", "Lemmas", "UAS", "LAS"))
    assert found["CLAS"] == (5, 5, 5)  # all but the full stops


def test_each_mistake_costs_its_metrics_alone() -> None:
    said = SLEEPS.replace("Case=Nom", "Case=Acc").replace("nsubj", "obj") + "\n\n" + GOES.replace("йти", "їхати")
    found = scores(GOLD, f"# text = whatever\n{said}\n\n")
    assert found["UPOS"] == (7, 7, 7)
    assert found["UFeats"] == (7, 7, 6)
    assert found["Lemmas"] == (7, 7, 6)
    assert found["UAS"] == (7, 7, 7)
    assert found["LAS"] == (7, 7, 6)


def test_sentences_found_as_one_cost_both_and_the_root_its_head() -> None:
    found = scores(GOLD, f"{TOGETHER}\n\n")
    assert found["Sentences"] == (2, 1, 0)
    assert found["Tokens"] == (7, 7, 7)
    assert found["UAS"] == (7, 7, 6)


def test_a_token_cut_in_two_is_none() -> None:
    said = SLEEPS.replace("2\tспить\tспати", "2\tспи\tспати").replace("3\t.", "4\t.")
    said = said.replace("\n4", "\n3\tть\tть\tX\t_\t_\t2\tdep\t_\tSpaceAfter=No\n4")
    found = scores(GoldDocument("d", "Кіт спить.", (SLEEPS,)), f"{said}\n\n")
    assert found["Tokens"] == (3, 4, 2)
    assert found["UAS"] == (3, 4, 0)  # both other words hang on the one that was not found


def test_units_are_sentences_and_add_up_to_the_file() -> None:
    said = [SLEEPS, GOES, TOGETHER]
    gold = [SLEEPS, GOES, SLEEPS, GOES]
    units = list(treebank.units(gold, said))
    assert len(units) == 3
    whole = [udeval.load_conllu(io.StringIO("".join(f"{one}\n\n" for one in part)), "", {}) for part in (gold, said)]
    expected = udeval.evaluate(*whole)
    document = GoldDocument("d", "", tuple(gold))
    found = scores(document, "".join(f"{one}\n\n" for one in said))
    for metric in treebank.METRICS:
        one = expected[metric]
        assert found[metric] == (one.gold_total, one.system_total, one.correct)


def test_text_that_was_lost_is_an_error_that_names_the_document() -> None:
    with pytest.raises(EvaluationError, match="document d"):
        treebank.score_said([GOLD], [f"{SLEEPS}\n\n"])


TREEBANK = f"""\
# newdoc id = first
# newpar id = p1
# sent_id = 1
# text = Кіт спить.
{SLEEPS}

# sent_id = 2
# text = Він йде додому.
{GOES}

# newpar id = p2
# sent_id = 3
# text = Кіт спить.
{SLEEPS}SpaceAfter=No

# sent_id = 4
# text = нічого.
1-2\tнічого\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tнемає\tнемати\tVERB\t_\t_\t0\troot\t_\t_
2\tчого\tщо\tPRON\t_\t_\t1\tobj\t_\t_
2.1\tщось\tщось\tPRON\t_\t_\t_\t_\t0:root\t_
3\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_

# newdoc id = second
# sent_id = 5
# text = Він йде додому.
{GOES}

""".replace("punct\t_\t_SpaceAfter", "punct\t_\tSpaceAfter")


def test_the_text_is_put_together_again(tmp_path: Path) -> None:
    path = tmp_path / "uk.conllu"
    path.write_text(TREEBANK)
    first, second = treebank.read_treebank(path)
    assert (first.name, second.name) == ("first", "second")
    assert first.text == "Кіт спить. Він йде додому.\n\nКіт спить.нічого."
    assert len(first.sentences) == 4
    assert second.text == "Він йде додому."


def test_a_text_that_is_not_its_tokens_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "uk.conllu"
    path.write_text(TREEBANK.replace("# text = Кіт спить.", "# text = Пес спить.", 1))
    with pytest.raises(EvaluationError, match="Пес спить"):
        treebank.read_treebank(path)


def test_the_stage_is_scored_from_raw_text(reader: Reader) -> None:
    tally = treebank.score(reader, [GOLD, GOLD])
    rows = {row.label: row for row in tally.each()}
    assert len(tally.cells) == 4
    assert rows["Tokens"].f1 == rows["Sentences"].f1 == 1.0
    assert (rows["UPOS"].f1 or 0) > 0.8
