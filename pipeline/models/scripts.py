"""Lemmas as edit scripts: what to do to a form to get its lemma, said so that one script serves many words.

After Straka, "UDPipe 2.0 prototype at CoNLL 2018 UD shared task", section 3.3, in a simpler form: the letters are
lower-cased first, and then a script cuts a prefix and a suffix, puts others in their place, and says how the lemma is
capitalised. A script is a string, so that an inventory of them is a list of strings.
"""

from __future__ import annotations

from functools import lru_cache

_SEPARATOR = "\u241f"  # between a script's fields
_COMMON = 2  # letters form and lemma must share for the rest to be edits, else the script is the lemma itself


def script_of(form: str, lemma: str) -> str:
    """The script that makes `lemma` of `form`: `apply(script_of(f, l), f) == l` always."""
    case = _case_of(form, lemma)
    small, wanted = form.lower(), lemma.lower()
    at, other, size = _longest_common(small, wanted)
    if size < min(_COMMON, len(small), len(wanted)) or size == 0:
        script = _SEPARATOR.join(("=", lemma))
    else:
        behind, wanted_behind = len(small) - at - size, wanted[other + size :]
        script = _SEPARATOR.join((case, str(at), wanted[:other], str(behind), wanted_behind))
    return script if apply(script, form) == lemma else _SEPARATOR.join(("=", lemma))


def apply(script: str, form: str) -> str | None:
    """The lemma; None when the form is too short for the script."""
    case, *rest = script.split(_SEPARATOR)
    if case == "=":
        return rest[0]
    cut, before, drop, after = int(rest[0]), rest[1], int(rest[2]), rest[3]
    if cut + drop > len(form) or (cut + drop == len(form) and not before + after):
        return None
    kept = before + form.lower()[cut : len(form) - drop] + after
    match case:
        case "U":
            return kept.upper()
        case "C":
            return kept[:1].upper() + kept[1:]
        case "T":
            return "-".join(part[:1].upper() + part[1:] for part in kept.split("-"))
        case "F":  # as in the form, where letter stands for letter
            return "".join(
                letter.upper() if at < len(form) and form[at].isupper() else letter for at, letter in enumerate(kept)
            )
    return kept


def _case_of(form: str, lemma: str) -> str:
    small = lemma.lower()
    if lemma == small:
        return "L"
    if lemma == small[:1].upper() + small[1:]:
        return "C"
    if lemma == lemma.upper():
        return "U"
    if lemma == "-".join(part[:1].upper() + part[1:] for part in small.split("-")):
        return "T"
    return "F"


@lru_cache(100_000)
def _longest_common(one: str, other: str) -> tuple[int, int, int]:
    """Where the longest common substring begins in each, and its length; the leftmost of several."""
    best = (0, 0, 0)
    ends = [0] * (len(other) + 1)
    for at, letter in enumerate(one, 1):
        previous = 0
        for to, wanted in enumerate(other, 1):
            previous, ends[to] = ends[to], previous + 1 if letter == wanted else 0
            if ends[to] > best[2]:
                best = (at - ends[to], to - ends[to], ends[to])
    return best
