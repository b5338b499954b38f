"""notebooks/predict.ipynb is carried out on a small run and a small film, and says what they say."""

import ast
import base64
import re
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from models import load_run
from tests.inference.runs import footage, save_run, write_video
from utils.config import WindowSettings

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "predict.ipynb"
PLACES = re.compile(r"RUN = .*\nVIDEO = .*\nDETECTOR = None.*")  # the cell that a reader changes


@pytest.fixture(scope="module")
def small(configure, tmp_path_factory) -> tuple[Path, Path]:
    """A run, which needs no faces, and three seconds of film."""
    root = tmp_path_factory.mktemp("notebook")
    run = save_run(configure("--clip-model tiny --image-size 48 --temperature 0.05"), root / "run")
    return run, write_video(root / "film.mp4", footage(75, height=96, width=128))


@pytest.fixture(scope="module")
def outputs(small) -> list[list]:
    """Of each code cell."""
    notebook = nbformat.read(NOTEBOOK, 4)
    (places,) = [cell for cell in notebook.cells if PLACES.fullmatch(cell.source)]
    places.source = "RUN, VIDEO, DETECTOR = {!r}, {!r}, None".format(*map(str, small))
    NotebookClient(notebook, timeout=1200, startup_timeout=600,
                   resources={"metadata": {"path": NOTEBOOK.parent}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    return [cell.outputs for cell in cells]


@pytest.fixture(scope="module")
def answers(small):
    run, film = small
    return load_run(run, "cpu", windows=WindowSettings(window=1.0)).predict(film)


def pictures(outputs: list) -> list[np.ndarray]:
    coded = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [cv2.imdecode(np.frombuffer(base64.b64decode(png), np.uint8), cv2.IMREAD_COLOR) for png in coded]


@pytest.mark.slow
def test_it_prints_the_answers(outputs, answers):
    text = "".join(output.text for cell in outputs for output in cell if output.get("name") == "stdout")
    rows = [re.fullmatch(r"\s*([\d.]+) to\s+([\d.]+) s  (\w+)\s+([\d.]+)  (.+)", line).groups()
            for line in text.splitlines()]
    assert [(float(start), float(end), label, cut) for start, end, label, _, cut in rows] == [
        (pytest.approx(answer.start, abs=0.051), pytest.approx(answer.end, abs=0.051), answer.label, answer.cut)
        for answer in answers]
    said = [float(sure) for *_, sure, _ in rows]
    assert said == pytest.approx([answer.probability for answer in answers], abs=0.0051) and len(said) == 5


@pytest.mark.slow
def test_it_draws_probabilities_and_reasons(outputs):
    drawn = [pictures(cell) for cell in outputs]
    (curves,), (reasons,) = [found for found in drawn if found]
    assert sum(map(len, drawn)) == 2
    height, width = curves.shape[:2]
    assert width > 2 * height and len(np.unique(curves.reshape(-1, 3), axis=0)) > 50  # seven coloured lines
    colours = cv2.cvtColor(curves, cv2.COLOR_BGR2HSV)
    hues = np.bincount(colours[colours[..., 1] > 120][:, 0], minlength=180)
    assert (hues > 20).sum() >= 5
    assert reasons.shape[0] > 200 and reasons.std() > 30


@pytest.mark.slow
def test_other_classes_have_their_shares(outputs, small):
    said = ast.literal_eval(outputs[-1][-1].data["text/plain"])
    guess = load_run(small[0], "cpu", classes=["bored student", "focused student"], windows=WindowSettings(window=1.0))
    expected = guess.predict(small[1])[0].probabilities
    assert said == {name: pytest.approx(value, abs=0.0051) for name, value in expected.items()}
    assert sum(said.values()) == pytest.approx(1, abs=0.011)


def test_it_is_kept_without_outputs():
    cells = [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [None] * len(cells) and not any(cell.outputs for cell in cells)
    assert not any(re.search("""["'](/|~|[A-Z]:)""", cell.source) for cell in cells)  # no place on anybody's machine
