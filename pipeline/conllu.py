"""CoNLL-U, the exchange format of Universal Dependencies, rendered from a parse.

Format: https://universaldependencies.org/format.html (v2). The parse's JSON is the truth and this a view of it, so it
can be written again at any time and is byte for byte the same.
"""

from __future__ import annotations

from pipeline.artifact import Parse, ParsedSentence
from pipeline.transcript import Document


def render(document: Document, parse: Parse) -> str:
    """The whole document. `sent_id` is `{document id}-{sentence number from 1}`; offsets are in MISC."""
    lines: list[str] = [f"# newdoc id = {document.id}"]
    for number, sentence in enumerate(parse.sentences, 1):
        text, rows = _sentence(document.text, sentence)
        lines += [f"# sent_id = {document.id}-{number}", f"# text = {text}", *rows, ""]
    return "\n".join(lines) + "\n"


def _sentence(text: str, sentence: ParsedSentence) -> tuple[str, list[str]]:
    """The `# text` value and the rows. The value is made of the forms, as the format demands that they agree."""
    rows: list[str] = []
    surface: list[str] = []
    multiwords = {multiword.first: multiword for multiword in sentence.multiwords}
    inside_until = 0
    for index, word in enumerate(sentence.words, 1):
        if multiword := multiwords.get(index):
            form, misc = _surface(text, sentence, multiword.start, multiword.end, surface)
            rows.append("\t".join([f"{multiword.first}-{multiword.last}", form, *("_" * 7), misc]))
            inside_until = multiword.last
        if index <= inside_until:
            form, misc = word.form, "_"
        else:
            form, misc = _surface(text, sentence, word.start, word.end, surface)
        analysis = (word.lemma, word.upos, word.xpos, word.feats, str(word.head), word.deprel)
        rows.append("\t".join([str(index), form, *(value or "_" for value in analysis), "_", misc]))
    return "".join(surface).strip(), rows


def _surface(text: str, sentence: ParsedSentence, start: int, end: int, surface: list[str]) -> tuple[str, str]:
    """FORM and MISC of one token; what it adds to the sentence's text goes to `surface`."""
    form = " ".join(text[start:end].split())
    misc = f"start_char={start}|end_char={end}"
    spaced = text[end : end + 1].isspace() or end == len(text)
    surface.append(f"{form} " if spaced else form)
    return form, misc if spaced else f"SpaceAfter=No|{misc}"
