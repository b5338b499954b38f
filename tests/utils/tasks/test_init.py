import inspect

import pytest

from utils.config import CONFIGS
from utils.structures import Labels
from utils.tasks import TASKS, Task, build_task

LABELS = Labels(["Negative", "Neutral"], ["price"], [], [3, 1])
METHODS = [name for name, member in vars(Task).items() if inspect.isfunction(member) and not name.startswith("_")]


def test_every_task_has_one():
    assert set(TASKS) == set(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_task_is_made_for_the_recipes_model_and_has_all_that_is_asked_of_it(name):
    task = build_task(CONFIGS[name](), LABELS)
    assert type(task) is TASKS[name] and task.labels == LABELS
    assert len(METHODS) == 6 and task.best_by and all(isinstance(column, str) for column in task.columns)
    for method in METHODS:
        asked, has = (list(inspect.signature(getattr(of, method)).parameters) for of in (Task, type(task)))
        assert asked == has
