import pytest

from dataloaders.clips import ClipError
from utils.errors import LONGEST, UserError, first_line, nearest


@pytest.mark.parametrize("error", [UserError, ClipError])
@pytest.mark.parametrize("text, said", [
    ("Pin trâu: 'x' 😀", "Pin trâu: 'x' 😀"), ("a\nb\r\nc\u2028d", "a b  c d"), ("\x1b[2J\0x\ud800", " [2J x "),
    ("", "")])
def test_an_error_is_one_line_that_can_be_printed(error, text, said):
    assert str(error(text)) == said


def test_of_an_endless_text_begin_and_end_are_told():
    said = str(UserError("a" * 10**6 + "b" * 10**6))
    assert said == "a" * (LONGEST // 2) + " ... " + "b" * (LONGEST // 2)
    assert str(UserError("a" * LONGEST)) == "a" * LONGEST


def test_the_first_line_of_an_error_or_its_kind():
    assert first_line(ValueError("a\nb")) == "a" and first_line(ValueError()) == "ValueError"


def test_the_nearest_name_is_found_whatever_its_case():
    assert nearest("comnent", ["index", "Comment"]) == "; did you mean Comment?"
    assert nearest("CAMERA", ["camera", "screen"]) == "; did you mean camera?"
    assert nearest("zzz", ["index", "Comment"]) == ""
