from utils.id_sum import id_sum


def test_order_makes_no_difference_and_members_do():
    ids = [f"clip {number}" for number in range(50)]
    whole = id_sum(ids)
    assert whole == id_sum(reversed(ids)) == id_sum(ids[20:], id_sum(ids[:20])) and 0 <= whole < 2**63
    others = [id_sum(ids[1:]), id_sum([*ids, "clip 3"]), id_sum([*ids[1:], "clip 3"]), id_sum([]),
              id_sum(["clip 3"] * 50)]
    assert len({whole, *others}) == 6


def test_by_another_tool():
    """`printf a | b2sum --length=64` and `printf b | ...`, of GNU coreutils."""
    assert id_sum(["a"]) == 0x40F89E395B66422F
    assert id_sum(["a", "b"]) == (0x40F89E395B66422F + 0x8472C2E34D854F75) % 2**63
