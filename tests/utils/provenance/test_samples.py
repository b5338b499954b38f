import json

from hypothesis import given, settings
from hypothesis import strategies as st

from utils.provenance.samples import Changes, Samples, changes

rows = st.dictionaries(st.integers(0, 12), st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=9)


def summary(table: dict) -> dict:
    """Through JSON, as it is kept."""
    samples = Samples([f"clip {key}" for key in table], [label for label, _ in table.values()],
                      [size for _, size in table.values()], "sizes of files")
    return json.loads(json.dumps(samples.summary()))


@settings(deadline=None)
@given(rows, rows, st.randoms())
def test_changes_are_those_of_the_tables(then, now, random):
    keys = list(now)
    random.shuffle(keys)
    now = {key: now[key] for key in keys}
    stayed = then.keys() & now.keys()
    relabelled, altered = (sum(then[key][i] != now[key][i] for key in stayed) for i in (0, 1))
    assert changes(summary(then), summary(now)) == Changes(
        len(now.keys() - stayed), len(then.keys() - stayed), relabelled, altered,
        then == now and list(then) != list(now))


def test_an_id_that_stands_twice_counts_twice():
    once, twice = (Samples(["a"] * n, [0] * n, [1] * n, "texts").summary() for n in (1, 2))
    assert changes(once, twice) == Changes(1, 0, 0, 0, False)
    assert changes(twice, once) == Changes(0, 1, 0, 0, False)


def test_labels_of_reviews_are_lists_and_a_text_is_told_by_its_hash():
    def of(*texts):
        return Samples(["1", "2"], [[0, -1], [2, 1]], list(texts), "texts").summary()

    assert changes(of("Pin rất trâu", "máy đẹp"), of("Pin rất trâu", "máy xấu")) == Changes(0, 0, 0, 1, False)
    assert "Pin" not in json.dumps(of("Pin rất trâu", "máy đẹp"))


def test_damaged_marks_say_that_all_is_new():
    now = summary({1: (0, 0), 2: (1, 0)})
    for marks in (None, "?", "YWJj"):
        assert changes(now | {"marks": marks, "labels": "x"}, now) == Changes(2, 0, 0, 0, False)
