"""The page: a tab for each run that it serves, and one for each run's report."""

from pathlib import Path

import gradio as gr
from jinja2 import Environment, FileSystemLoader

import utils.report
from inference.predictor import Predictor
from inference.reviews import ReviewPredictor
from inference.web.clips import clips_tab
from inference.web.reviews import reviews_tab
from utils.report.frame import percent

KEPT, SWEPT = 3600, 300  # seconds that a visitor's files are kept at most, and between two looks at them
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]  # of the visitor's machine; none is fetched
HERE = Path(__file__).parent
TITLE = "CamXuc"
HEAD = f"""<h1>{TITLE}</h1><p class="quiet">Everything stays on this machine. A face shows no feeling for certain: take
an answer for what such a clip was labelled as, not for what someone feels.</p>"""


def templates() -> Environment:
    """Those of the page, which share macros with the reports."""
    folders = [HERE, Path(utils.report.__file__).parent]
    environment = Environment(loader=FileSystemLoader(folders), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = percent
    return environment


def style() -> str:
    return templates().get_template("style.css.j2").render()


def theme() -> gr.themes.Base:
    return gr.themes.Base(primary_hue="blue", neutral_hue="slate", radius_size="sm", font=FONTS,
                          font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"])


def build_page(predictors: list[Predictor], most_minutes: float) -> gr.Blocks:
    """
    Args:
        most_minutes: of a video that are read.
    """
    several = len(predictors) > 1
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(SWEPT, KEPT - SWEPT)) as page:
        gr.HTML(HEAD, elem_classes="head")
        with gr.Tabs():
            for predictor in predictors:
                of = f": {predictor.run.config.recipe}" if several else ""
                if isinstance(predictor, ReviewPredictor):
                    with gr.Tab("Reviews" + of):
                        reviews_tab(predictor, templates())
                else:
                    with gr.Tab("Video" + of):
                        clips_tab(predictor, templates(), most_minutes)
            for predictor in predictors:
                with gr.Tab("Report" + (f": {predictor.run.config.recipe}" if several else "")):
                    gr.HTML(report(predictor.run.folder, templates()), elem_classes="report")
    return page


def report(folder: Path, environment: Environment) -> str:
    """The run's report in a frame of its own, in which no script runs."""
    path = folder / "report.html"
    text = path.read_text(encoding="utf-8") if path.is_file() else None
    return environment.get_template("report.html.j2").render(text=text)
