"""What the settings of every task on clips have: checked of each, as each inherits it."""

from pathlib import Path

import pytest

from utils.config import CONFIGS, ClipDataConfig, ClipModelConfig, flag
from utils.errors import UserError

WRONG_DATA = [
    dict(centre_crop=0), dict(centre_crop=1.1), dict(num_segments=0), dict(duration=0), dict(image_size=15),
    dict(crop_body=True), dict(box_margin=-0.1), dict(label_fraction=0), dict(label_fraction=-0.1),
    dict(label_fraction=1.1), dict(label_fraction=float("nan")), dict(batch_size=0),
]
WRONG_MODEL = [
    dict(adapter_ratio=0), dict(temporal_layers=0), dict(temporal_heads=0), dict(dropout=1.0), dict(dropout=-0.1)]
RIGHT_DATA = [
    dict(centre_crop=1, image_size=16, num_segments=1, duration=1, box_margin=0, label_fraction=1),
    dict(centre_crop=1e-6, label_fraction=1e-9, crop_body=True, bounding_box_body=Path("b.json")),
]
RIGHT_MODEL = dict(adapter_ratio=1, temporal_layers=1, temporal_heads=1, dropout=0)
TASKS = [task for task, config in CONFIGS.items() if issubclass(config.sections()["data"], ClipDataConfig)]

each_task = pytest.mark.parametrize("task", TASKS)


def test_two_tasks_look_at_clips():
    models = {task: config.sections()["model"] for task, config in CONFIGS.items()}
    looking = [task for task, model in models.items() if issubclass(model, ClipModelConfig)]
    assert looking == TASKS == ["video", "simclr"]


@each_task
@pytest.mark.parametrize("part, settings", [*(("data", wrong) for wrong in WRONG_DATA),
                                            *(("model", wrong) for wrong in WRONG_MODEL)], ids=str)
def test_a_value_out_of_range_is_named_by_its_flag(task, part, settings):
    with pytest.raises(UserError, match=f"^{flag(next(iter(settings)))} "):
        CONFIGS[task].sections()[part](**settings)


@each_task
@pytest.mark.parametrize("part, settings", [*(("data", right) for right in RIGHT_DATA), ("model", RIGHT_MODEL)])
def test_values_on_the_edge_are_taken(task, part, settings):
    taken = CONFIGS[task].sections()[part](**settings)
    assert {name: getattr(taken, name) for name in settings} == settings


@each_task
def test_all_labels_and_no_other_run_are_the_default(task):
    config = CONFIGS[task]()
    assert config.data.label_fraction == 1 and config.model.init_from is None
