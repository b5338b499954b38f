from types import SimpleNamespace

import pytest

from utils.config.checks import at_least, flag, not_negative, require
from utils.errors import UserError


def test_flag_is_the_field_with_dashes():
    assert flag("lr_image_encoder") == "--lr-image-encoder" and flag("lr") == "--lr"


def test_require():
    require(True, "not said")
    with pytest.raises(UserError, match="^said$"):
        require(False, "said")


@pytest.mark.parametrize("value, taken", [(0, True), (0.0, True), (3, True), (-1, False), (-1e-9, False),
                                          (float("nan"), False)])
def test_not_negative(value, taken):
    settings = SimpleNamespace(first=0, my_name=value)
    if taken:
        return not_negative(settings, "first", "my_name")
    with pytest.raises(UserError, match=f"^--my-name {value}: must not be negative$"):
        not_negative(settings, "first", "my_name")


@pytest.mark.parametrize("value, taken", [(2, True), (2.5, True), (1, False), (1.9, False), (float("nan"), False)])
def test_at_least(value, taken):
    settings = SimpleNamespace(first=9, my_name=value)
    if taken:
        return at_least(settings, first=9, my_name=2)
    with pytest.raises(UserError, match=f"^--my-name {value}: must be at least 2$"):
        at_least(settings, first=9, my_name=2)
