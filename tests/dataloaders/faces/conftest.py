import pytest


@pytest.fixture
def yunet(shared):
    """The file of a small YuNet; newer than the one that is fetched."""
    return shared("../models/yunet/yunet_n_640_640.onnx")
