from pipeline import graph

DIGESTS = {stage: (f"digest of {stage}",) for stage in graph.STAGES}


def test_needs_stand_before_what_needs_them() -> None:
    for at, stage in enumerate(graph.STAGES):
        assert set(graph.GRAPH[stage].needs) <= set(graph.STAGES[:at])


def test_leaves_are_what_the_record_waits_for() -> None:
    assert [stage for stage in graph.STAGES if graph.is_leaf(stage)] == ["entities", "sentiment", "topics"]
    assert graph.dependants("parse") == ("entities", "sentiment", "topics")
    assert graph.roots() == ("parse",)


def test_a_new_parser_changes_every_fingerprint() -> None:
    before, after = graph.fingerprints(DIGESTS), graph.fingerprints(DIGESTS | {"parse": ("another",)})
    assert all(before[stage] != after[stage] for stage in graph.STAGES)


def test_a_new_topic_model_changes_only_the_topics() -> None:
    before, after = graph.fingerprints(DIGESTS), graph.fingerprints(DIGESTS | {"topics": ("another",)})
    assert [stage for stage in graph.STAGES if before[stage] != after[stage]] == ["topics"]
