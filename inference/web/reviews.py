"""The tab of a run on reviews: a review in; its aspects, coloured in the text, out."""

import gradio as gr
from jinja2 import Environment

from inference.reviews import ReviewPredictor
from utils.report.tokens import read_review

LONGEST = 5000  # characters
EXAMPLES = ["Pin trâu, dùng cả ngày không hết nhưng camera chụp đêm hơi mờ.",
            "Máy đẹp, màn hình sắc nét, giá hơi cao. Nhân viên tư vấn nhiệt tình.",
            "Dùng được một tuần thì loa rè, gọi bảo hành không ai nghe máy."]


def reviews_tab(predictor: ReviewPredictor, environment: Environment) -> None:
    """Lay the tab out, and say what happens in it."""
    review = gr.Textbox(label="Review", lines=3, max_lines=12, max_length=LONGEST, placeholder=EXAMPLES[0],
                        elem_classes="review-in")
    read = gr.Button("Read it", variant="primary", elem_classes="read")
    gr.Examples(EXAMPLES, review, label="For example")
    shown = gr.HTML(elem_classes="found")

    def answer(text: str | None) -> str:
        text = (text or "").strip()[:LONGEST]
        if not text:
            raise gr.Error("Write a review first.", print_exception=False)
        aspects = predictor.predict(text)
        return environment.get_template("read.html.j2").render(
            read=read_review(aspects, predictor.explain(text, aspects), text))

    for event in (read.click, review.submit):
        event(answer, review, shown, api_visibility="private")
