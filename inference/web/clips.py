"""The tab of a run on clips: a video in; the video with faces, a timeline, and reasons out."""

import tempfile
from pathlib import Path

import gradio as gr
from jinja2 import Environment

from dataloaders.clips import ClipError
from dataloaders.crops import FACE_BOX
from dataloaders.stream import Moment
from inference import why
from inference.clips import Answer, ClipPredictor, Explanation
from inference.reading import Reading
from inference.timeline import clock
from inference.web.private import forget
from utils.errors import UserError
from utils.report.curves import data_uri
from utils.thinned import Thinned

MOMENTS = 64  # of a video that can be asked about
PICTURE = 192  # pixels
FRAMES = 8  # of an explanation


class Visit:
    """A video that was read: the answers that can be asked about, and the video with what was said.

    Raises:
        ClipError: no video, one that cannot be read, or one longer than allowed.
    """

    def __init__(self, predictor: ClipPredictor, path: str | None, most_minutes: float, progress: gr.Progress):
        if not path:
            raise ClipError("Choose a video, or record one, first.")
        # Beside the upload, in the folder that Gradio may show.
        self.video = Path(tempfile.mkdtemp(dir=Path(path).parent)) / "answers.mp4"
        stream = predictor.stream(Path(path))
        self.reading = Reading(predictor, stream, self.video)
        moments: Thinned[Answer] = Thinned(MOMENTS, lambda earlier, later: earlier)

        def watch(moment: Moment) -> None:
            if moment.time > 60 * most_minutes:
                raise ClipError(f"The video is longer than {most_minutes:g} minutes; `main.py predict` reads any "
                                "length.")
            progress((moment.time, max(stream.seconds or 0, moment.time)), unit="s")

        try:
            for answer in self.reading.answers(watch):
                moments.add(answer)
        except BaseException:
            self.forget()
            raise
        self.moments = moments.items

    def forget(self) -> None:
        forget(self.video)


def clips_tab(predictor: ClipPredictor, environment: Environment, most_minutes: float) -> None:
    """Lay the tab out, and say what happens in it."""
    last = gr.State(None, time_to_live=3600, delete_callback=lambda visit: visit and visit.forget())
    gr.HTML(environment.get_template("intro.html.j2").render(
        classes=predictor.classes, finds=predictor.finds_faces, window=predictor.windows.window, minutes=most_minutes))
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280):
            # With the sound, which is not used: to leave it out Gradio asks for ffmpeg.
            video = gr.Video(label="Your video", sources=["upload", "webcam"], include_audio=True, height=300,
                             buttons=[], elem_classes="upload")
            read = gr.Button("Read it", variant="primary", elem_classes="read")
        with gr.Column(min_width=280):
            player = gr.Video(label="With faces and answers", interactive=False, visible=False, height=300, buttons=[
                "download"], elem_classes="player")
    timeline = gr.HTML(elem_classes="timeline")
    moment = gr.Slider(0, 1, visible=False, step=0.1, label="Look at second", elem_classes="at", buttons=[])
    shown = gr.HTML(elem_classes="shown")

    def answer(path: str | None, before: Visit | None, progress=gr.Progress()):
        if before:
            before.forget()
        try:
            found = Visit(predictor, path, most_minutes, progress)
        except (ClipError, UserError) as error:
            raise gr.Error(str(error), print_exception=False) from None
        first = max(found.moments, key=lambda answer: answer.probability)
        page = environment.get_template("timeline.html.j2").render(of=found.reading)
        slider = gr.Slider(0, max(round(found.reading.timeline.end, 1), 0.1), value=round(first.time, 1),
                           visible=len(found.moments) > 1)
        return found, gr.Video(str(found.video), visible=True), page, slider, explain(found, first.time)

    def explain(found: Visit | None, at: float) -> str:
        if found is None:
            return ""
        chosen = min(found.moments, key=lambda answer: abs(answer.time - at))
        return environment.get_template("moment.html.j2").render(
            answer=chosen, frames=columns(predictor.explained(chosen)), face_box=FACE_BOX, clock=clock,
            finds=predictor.finds_faces, picture=data_uri(chosen.seen.picture, PICTURE),
            face=data_uri(why.middle_face(chosen), PICTURE))

    read.click(answer, [video, last], [last, player, timeline, moment, shown], concurrency_limit=1,
               api_visibility="private")
    moment.release(explain, [last, moment], shown, show_progress="hidden", api_visibility="private")


def columns(found: Explanation) -> list[dict]:
    """Of each frame: its share of attention, and the streams as they are and under heat."""
    return [{"share": share, "pictures": [data_uri(picture, PICTURE) for picture in pictures]}
            for share, pictures in why.columns(found, FRAMES)]
