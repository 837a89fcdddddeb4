"""What a bundle scores, end to end from raw text, through the stages alone.

`scores.evaluate` makes the table of docs/models.md. A score is made of counts (gold, said, right) per unit that is
drawn again in the bootstrap: `counts`. One module per kind of data: `treebank` (tokens, tags, trees), `iob` and
`entities` (exact spans), `labelled` (sentiment, topics). `errors` counts what is taken for what, on other data.
"""
