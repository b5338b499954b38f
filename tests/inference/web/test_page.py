"""The page in a browser, with a real process behind it."""

import re
import shutil
import signal
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from inference import load_run
from tests.inference.random_reviews import save_review_run
from tests.inference.runs import footage, save_run, write_video
from tests.inference.web.serving import serving
from utils.config import WindowSettings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-device-for-media-stream",
         "--use-fake-ui-for-media-stream"]
WINDOW = ["--window", "1", "--faces", "none", "--max-megabytes", "0.5", "--max-minutes", "0.1"]
REPORT = "<h1>A small report</h1><script>parent.document.title = 'taken over'</script><p title=\"'\">it's</p>"
REVIEW = "Pin rất trâu <b>x</b>, chụp hình mờ & giá rẻ"

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
SLOW = pytest.mark.slow  # a browser without a graphics card takes seconds a page
PATIENCE = 120_000  # milliseconds
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def runs(configure, tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    clips = save_run(configure("--clip-model tiny --image-size 48 --temperature 0.05"), root / "clips")
    (clips / "report.html").write_text(REPORT)
    return {"clips": clips, "reviews": save_review_run(root)}


@pytest.fixture(scope="module")
def served(runs, tmp_path_factory):
    with serving(list(runs.values()), tmp_path_factory.mktemp("served"), *WINDOW) as served:
        yield served


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(served, browser):
    """Opens the page; at the end, nothing was asked of any other machine, and no script has failed."""
    contexts, asked, failed = [], [], []

    def opened(**settings) -> Page:
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(served.url)
        expect(page.locator("button.read").first).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert failed == [] and len(asked) > 5
    assert {(urlsplit(url).hostname, urlsplit(url).port) for url in asked if urlsplit(url).scheme != "blob"} == {
        ("127.0.0.1", served.port)}


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Three seconds of H.264."""
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", footage(75, height=96, width=128))


def choose(page: Page, path: Path) -> None:
    page.locator(".upload input[type=file]").set_input_files(path)
    expect(page.locator(".upload video")).to_be_visible()


def read(page: Page, path: Path) -> None:
    choose(page, path)
    page.locator("button.read").first.click()
    expect(page.locator(".shown .moment").first).to_be_visible(timeout=60_000)


def shown_chances(page: Page) -> dict[str, float]:
    rows = page.locator(".chances tr").all()
    return {row.locator("th").inner_text(): float(row.locator(".n").inner_text()) / 100 for row in rows}


def close_to(chances: dict[str, float]):
    return pytest.approx(chances, abs=6e-4)  # it shows tenths of a percent


@SLOW
def test_a_video_is_read(open_page, runs, film):
    answers = load_run(runs["clips"], "cpu", windows=WindowSettings(window=1)).predict(film)
    surest = max(answers, key=lambda answer: answer.probability)
    page = open_page()
    read(page, film)

    chances = np.mean([list(answer.probabilities.values()) for answer in answers], axis=0)
    label, percent, said = re.fullmatch(r"(\w+) ([\d.]+) % on the whole\s+(.*)",
                                        page.locator(".verdict").inner_text()).groups()
    assert list(surest.probabilities)[chances.argmax()] == label and said == "5 answers"
    assert float(percent) / 100 == pytest.approx(chances.max(), abs=6e-4)
    assert shown_chances(page) == close_to(surest.probabilities)
    assert page.locator(".chances .said th").all_inner_texts() == [surest.label]
    bars = page.locator(".chances .bar").evaluate_all("bars => bars.map(bar => bar.style.getPropertyValue('--v'))")
    assert dict(zip(surest.probabilities, map(float, bars))) == close_to(surest.probabilities)

    timeline = page.locator(".timeline.wide svg")
    expect(timeline).to_be_visible()
    assert set(surest.probabilities) <= set(timeline.locator("text").all_text_contents())
    assert timeline.locator("path").count() >= 2 * len(surest.probabilities)  # all, and where it is said

    assert page.locator(".why summary").inner_text() == f"Why {surest.label}?"
    assert page.locator(".frames > div").count() == 2 and page.locator(".frames img").count() == 2 * 4
    widths = page.locator(".moment img, .frames img").evaluate_all("all => all.map(image => image.naturalWidth)")
    assert len(widths) == 2 + 8 and min(widths) >= 48
    shares = [float(text.removesuffix(" %")) for text in page.locator(".frames .quiet").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=0.11)
    assert "no face was found" not in page.locator(".shown").first.inner_text()  # nobody looked for one

    player = page.locator(".player video")
    expect(player).to_be_visible()
    page.wait_for_function("document.querySelector('.player video').readyState > 0")
    assert player.evaluate("video => [video.duration, video.videoWidth]") == [pytest.approx(3, abs=0.1), 128]
    assert player.evaluate("async video => { await video.play(); return video.paused }") is False


@SLOW
def test_the_slider_asks_about_another_moment(open_page, runs, film):
    answers = load_run(runs["clips"], "cpu", windows=WindowSettings(window=1)).predict(film)
    page = open_page()
    read(page, film)
    surest = max(answers, key=lambda answer: answer.probability)
    assert float(page.locator(".at input[type=number]").input_value()) == pytest.approx(surest.time, abs=0.06)
    slider = page.locator(".at input[type=range]")
    for answer, share in ((answers[0], 0.02), (answers[-1], 0.98)):
        box = slider.bounding_box()
        slider.click(position={"x": share * box["width"], "y": box["height"] / 2})
        start, end = (f"0:{second:04.1f}".removesuffix(".0") for second in (answer.start, answer.end))
        expect(page.locator(".moment p").first).to_contain_text(f"{start} to {end}")
        assert shown_chances(page) == close_to(answer.probabilities)


@SLOW
def test_what_was_said_of_a_video_before_is_forgotten(open_page, served, film):
    page = open_page()
    read(page, film)
    before, player = set(served.private()[0].rglob("answers.mp4")), page.locator(".player video")
    source = player.get_attribute("src")
    page.locator("button.read").first.click()
    expect(player).not_to_have_attribute("src", source)
    after = set(served.private()[0].rglob("answers.mp4"))
    assert len(after) == len(before) and len(after - before) == 1 and (before - after).pop().parent.name in source


@pytest.fixture(scope="module")
def wrong(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("wrong")
    (root / "broken.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"no video" * 200)
    (root / "large.mp4").write_bytes(b"0" * 600_000)
    write_video(root / "long.mp4", footage(5, height=48), [0, 2000, 4000, 6001, 7000])
    return {path.stem: path for path in root.iterdir()}


@SLOW
@pytest.mark.parametrize("name, said", [
    (None, "Choose a video, or record one, first."), ("broken", "not a video, or no frame can be decoded"),
    ("long", "The video is longer than 0.1 minutes; `main.py predict` reads any length.")])
def test_what_cannot_be_read_is_said_in_a_toast(open_page, served, wrong, name, said):
    page = open_page()
    if name:
        page.locator(".upload input[type=file]").set_input_files(wrong[name])
        expect(page.locator(".upload input[type=file]")).to_have_count(0)
    page.locator("button.read").first.click()
    expect(page.locator(".toast-body")).to_contain_text(said)
    assert "Traceback" not in served.errors and page.locator(".verdict").count() == 0
    if name:
        (upload,) = served.private()[0].rglob(f"{name}.mp4")
        assert list(upload.parent.iterdir()) == [upload]  # of the answers nothing is left


@SLOW
def test_a_file_that_is_too_large_is_refused(open_page, served, wrong):
    page = open_page()
    page.locator(".upload input[type=file]").set_input_files(wrong["large"])
    expect(page.locator(".toast-body")).to_contain_text("exceed the maximum allowed size of 488.3 Kb")
    assert not [path for folder in served.private() for path in folder.rglob("large*")]


@SLOW
def test_what_the_camera_recorded_is_read(open_page):
    page = open_page(permissions=["camera", "microphone"])
    page.get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.get_by_label("start recording").click()
    begun = page.locator(".upload video").evaluate("video => video.currentTime")
    page.wait_for_function("begun => document.querySelector('.upload video').currentTime > begun + 2", arg=begun)
    page.locator(".upload .capture-button").click()
    expect(page.get_by_label("Trim video to selection")).to_be_visible()  # it is there now
    page.locator("button.read").first.click()
    expect(page.locator(".verdict")).to_contain_text("% on the whole", timeout=60_000)
    assert sum(shown_chances(page).values()) == pytest.approx(1, abs=4e-3)


def test_a_review_has_its_aspects_in_colours(open_page, runs):
    expected = load_run(runs["reviews"], "cpu").predict(REVIEW)
    assert len(expected) >= 2
    page = open_page()
    page.get_by_role("tab", name="Reviews").click()
    page.get_by_label("Review").fill(REVIEW)
    page.locator("button.read").nth(1).click()
    text = page.locator(".review .text")
    expect(text).to_be_visible()
    assert text.inner_text() == REVIEW and page.locator(".review .text b").count() == 0
    rows = [row.locator("th, td").all_inner_texts()[:3] for row in page.locator(".review tbody tr").all()]
    assert rows == [[said["aspect"], said.get("sentiment", "mentioned"),
                     f"{100 * said.get('probability', said['mentioned']):.1f}"] for said in expected]
    frames = page.locator(".review tr").evaluate_all("all => all.map(row => getComputedStyle(row).borderLeftWidth)")
    assert set(frames) == {"0px"}  # Gradio would frame them in white
    chips = page.locator(".review .chip").evaluate_all("all => all.map(chip => getComputedStyle(chip).borderLeftColor)")
    assert len(set(chips)) == len(expected)
    colours = dict(zip([said["aspect"] for said in expected], chips))
    marks = page.locator(".review mark").evaluate_all(
        "all => all.map(mark => [mark.title, getComputedStyle(mark).borderBottomColor, "
        "getComputedStyle(mark).backgroundColor])")
    assert marks and all(colours[aspect] == line and "0)" not in ground.split()[-1] for aspect, line, ground in marks)
    assert page.locator(".review .words b").count() + page.locator(".review .words i").count() > 0


@SLOW
def test_examples_are_there_to_be_read_and_a_blank_review_is_not(open_page):
    page = open_page()
    page.get_by_role("tab", name="Reviews").click()
    page.get_by_label("Review").fill("   ")
    page.locator("button.read").nth(1).click()
    expect(page.locator(".toast-body")).to_contain_text("Write a review first.")
    assert page.locator(".found .review").count() == 0
    page.get_by_text("Máy đẹp, màn hình").click()
    expect(page.get_by_label("Review")).to_have_value(re.compile("^Máy đẹp, .* nhiệt tình.$"))


@SLOW
def test_reports_are_shown_and_no_script_in_them_runs(open_page):
    page = open_page()
    tabs = page.get_by_role("tab").all_inner_texts()
    assert tabs == ["Video: small", "Reviews: small_text", "Report: small", "Report: small_text"]
    page.get_by_role("tab", name="Report: small", exact=True).click()
    frame = page.locator(".report iframe")
    expect(frame).to_be_visible()
    assert frame.content_frame.locator("h1").inner_text() == "A small report"
    assert frame.content_frame.locator("p").get_attribute("title") == "'" and page.title() == "CamXuc"
    assert frame.bounding_box()["height"] > 300
    page.get_by_role("tab", name="Report: small_text").click()
    expect(page.get_by_text("This run has no report.html; training writes one.")).to_be_visible()


# How it looks


def channels(colour: str) -> list[float]:
    """Of rgb() or rgba(), or color(srgb ...)."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour.split("srgb")[-1])]
    return [number / (1 if "srgb" in colour else 255) for number in numbers[:3]]


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in channels(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


COLOURS = """selector => [...document.querySelectorAll(selector)].filter(part => part.getClientRects().length)
    .map(part => {
    let behind = part
    while (/rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(behind).backgroundColor) && behind.parentElement)
        behind = behind.parentElement
    return [getComputedStyle(part).color, getComputedStyle(behind).backgroundColor] })"""
TEXTS = ".head h1, .quiet, .verdict b, .chances th, .why summary, button.read, [role=tab], .review .text, .review .chip"


@SLOW
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_both_schemes_and_on_a_narrow_screen(open_page, film, tmp_path, scheme):
    page = open_page(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    read(page, film)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert luminance(ground) > 0.8 if scheme == "light" else luminance(ground) < 0.05
    found = page.evaluate(COLOURS, TEXTS)
    assert len(found) > 15
    for colour, behind in found:
        assert contrast(colour, behind) >= 4.5, (colour, behind)
    for tab in range(4):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.get_by_role("tab").nth(tab).click()
        if tab == 1:
            page.get_by_label("Review").fill(REVIEW)
            page.locator("button.read").nth(1).click()
            expect(page.locator(".review .text")).to_be_visible()
            assert all(contrast(*pair) >= 4.5 for pair in page.evaluate(COLOURS, ".review .text, .review .chip"))
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            page.screenshot(path=tmp_path / f"{scheme}_{tab}_{width}.png", full_page=True)
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width, (tab, width)


# The end; it stands last


def test_sigterm_ends_it_and_takes_the_private_folder_along(served):
    (folder,) = served.private()
    httpx.post(f"{served.url}gradio_api/upload", files={"files": ("last.mp4", b"film")}, timeout=60)
    assert list(folder.rglob("last.mp4"))
    assert served.end(signal.SIGTERM) == 143
    assert served.private() == [] and "Traceback" not in served.errors
