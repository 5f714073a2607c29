"""The first view: draw, drop, point, click; every number is the engine's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import acting
from PIL import Image

import photos
from convlens.api.opening import open_subject
from convlens.inside.windows import window

if TYPE_CHECKING:
    from serving import Server


def test_a_drawn_seven_wins_and_so_does_a_one_after_it(open_page):
    page = open_page()
    acting.draw(page, acting.SEVEN)
    assert acting.winner(page) == "7"
    page.get_by_role("button", name="Clear").click()
    acting.draw(page, acting.ONE)
    assert acting.winner(page) == "1"


def test_the_page_draws_a_seven_by_itself_first(open_page):
    page = open_page(still=False)
    page.wait_for_function("() => document.querySelector('.winner strong').textContent === '7'")
    assert page.get_by_text("Your turn").is_visible()


def test_maps_follow_the_pen(open_page):
    page = open_page()
    for _ in range(3):
        page.get_by_role("button", name="Clear").click()
        acting.draw(page, acting.SEVEN)
    times = page.evaluate(
        "performance.getEntriesByName('stroke-to-maps').slice(2).map(one => one.duration)"
    )
    median = float(np.median(times))
    print(f"stroke to maps: median {median:.0f} ms of {len(times)}")
    # the target is 100 ms; this bound holds on a machine that is busy with other work
    assert median < 500


def test_maps_change_with_the_drawing(open_page):
    page = open_page()
    shot = page.locator('[data-layer="relu2"] canvas').screenshot
    acting.draw(page, acting.SEVEN)
    seven = shot()
    acting.draw(page, acting.ONE)
    assert shot() != seven


@pytest.mark.parametrize(
    ("layer", "x", "y"),
    [
        ("conv1", 12, 40),
        ("conv2", 30, 52),
        ("max_pool1", 10, 30),
        ("relu2", 44, 70),
        ("flatten1", 20, 100),
        ("linear1", 50, 70),
    ],
)
def test_a_cells_sum_is_the_reference_engines(open_page, runs, tmp_path, layer, x, y):
    page = open_page()
    path, image = acting.save_digit(tmp_path, 7)
    acting.give(page, path)
    cell = acting.open_cell(page, layer, x, y)
    subject = open_subject(runs / "digits", engine="reference")
    step = window(subject.model, subject.preprocessing.normalise(image[None])[0], layer, cell)
    assert acting.total(page) == pytest.approx(step.total, abs=1e-5)
    assert acting.written_total(page) == pytest.approx(step.total, abs=6e-5)


def test_the_numbers_of_a_window_are_the_servers(open_page, explorer: Server, tmp_path):
    page = open_page()
    path, image = acting.save_digit(tmp_path, 3)
    acting.give(page, path)
    cell = acting.open_cell(page, "conv1", 12, 40)
    told = explorer.post(
        "/v1/models/digits:window",
        {"image": image.tolist(), "layer": "conv1", "cell": list(cell)},
    ).json()
    shown = page.get_by_test_id("products").locator("span")
    found = [float(one.get_attribute("title") or "nan") for one in shown.all()]
    assert found == pytest.approx(np.ravel(told["products"]).tolist(), abs=1e-5)
    assert acting.total(page) == pytest.approx(told["total"], abs=1e-5)


def test_the_window_slides_pauses_and_steps(open_page):
    page = open_page()
    acting.draw(page, acting.SEVEN)
    acting.open_cell(page, "conv1", 3, 3)
    inspector = page.get_by_test_id("inspector")
    start = inspector.get_attribute("data-cell")
    page.get_by_test_id("play").click()
    page.wait_for_function(
        "start => document.querySelector('.inspector').dataset.cell !== start", arg=start
    )
    page.get_by_test_id("play").click()
    paused = inspector.get_attribute("data-cell")
    page.wait_for_timeout(300)
    assert inspector.get_attribute("data-cell") == paused
    page.get_by_role("button", name="Step on").click()
    page.wait_for_function(
        "paused => document.querySelector('.inspector').dataset.cell !== paused", arg=paused
    )


def test_the_keyboard_reaches_maps_and_cells_and_escape_closes(open_page):
    page = open_page()
    acting.draw(page, acting.SEVEN)
    page.locator('[data-layer="conv1"] canvas').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    inspector = page.get_by_test_id("inspector")
    assert (inspector.get_attribute("data-cell") or "").startswith("1,")
    # the focus goes into the window, to the map that the cell is in, and back
    page.wait_for_function("() => document.activeElement.matches('.inspector .pickable')")
    before = [int(n) for n in (inspector.get_attribute("data-cell") or "").split(",")]
    page.keyboard.press("ArrowDown")
    after = [int(n) for n in (inspector.get_attribute("data-cell") or "").split(",")]
    assert after == [before[0], before[1] + 1, before[2]]
    page.keyboard.press("Escape")
    assert page.get_by_test_id("inspector").count() == 0
    assert page.evaluate("document.activeElement.parentElement.dataset.layer") == "conv1"


def test_a_digit_is_drawn_with_the_keyboard_alone(open_page):
    page = open_page()
    while page.evaluate("document.activeElement.dataset.testid") != "sheet":
        page.keyboard.press("Tab")
    page.get_by_text("Arrow keys move the pen").wait_for()
    page.keyboard.press("Space")  # wipes the example and puts the pen down
    for _ in range(17):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    acting.settle(page)
    assert acting.winner(page) == "1"
    drawn = sheet_ink(page)
    page.keyboard.press("ArrowRight")  # a lifted pen draws nothing
    assert sheet_ink(page) == drawn > 0
    page.keyboard.press("Delete")
    assert sheet_ink(page) == 0


def sheet_ink(page) -> int:
    return int(
        page.evaluate(
            """() => {
                const sheet = document.querySelector('[data-testid=sheet]');
                const { width, height } = sheet;
                const { data } = sheet.getContext('2d').getImageData(0, 0, width, height);
                return data.reduce((sum, byte, i) => sum + (i % 4 === 0 && byte > 0 ? 1 : 0), 0);
            }"""
        )
    )


def test_an_attribution_is_seen_large_and_taken_off_again(open_page):
    page = open_page()
    acting.draw(page, acting.SEVEN)
    page.get_by_label("What spoke for it").select_option("occlusion")
    page.get_by_role("button", name="See it large.").click()
    pixels = page.get_by_test_id("pixels")
    covered = pixels.locator("canvas").screenshot()
    pixels.get_by_role("button", name="Pixels").click()
    plain = pixels.locator("canvas").screenshot()
    assert plain != covered
    pixels.get_by_role("button", name="Occlusion").click()
    assert pixels.locator("canvas").screenshot() == covered


def test_the_keyboard_goes_through_the_pixels(open_page):
    page = open_page()
    acting.draw(page, acting.SEVEN)
    page.get_by_role("button", name="Clear").focus()
    while page.evaluate("document.activeElement.closest('.layer.image') === null"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.matches('.pixel-frame')")
    page.keyboard.press("ArrowRight")
    assert "row 14, column 15" in page.get_by_test_id("pixels").inner_text()
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.closest('.layer.image') !== null")


def test_on_a_low_screen_the_whole_window_comes_into_view(open_page):
    page = open_page(viewport={"width": 1366, "height": 650})
    acting.draw(page, acting.SEVEN)
    assert page.locator(".overview").count() == 0  # the network fits the page
    acting.open_cell(page, "conv2", 20, 60)
    page.wait_for_function(
        "() => document.querySelector('.dock').getBoundingClientRect().bottom <= innerHeight + 1"
    )
    page.keyboard.press("Escape")
    page.wait_for_function("() => scrollY === 0")


def test_pointing_at_a_map_shows_its_filter_and_statistics(open_page):
    page = open_page()
    acting.draw(page, acting.SEVEN)
    page.locator('[data-layer="conv1"] canvas').hover(position={"x": 10, "y": 10})
    card = page.locator(".map-card")
    assert "filter 0" in card.inner_text()
    assert "mean" in card.inner_text()
    assert page.locator(".links .link").count() == 1


def test_the_answer_leads_to_its_score_and_to_its_share(open_page):
    page = open_page()
    acting.draw(page, acting.SEVEN)
    logits = acting.logits(page)
    page.get_by_role("button", name="How it adds up").click()
    assert "linear1" in page.get_by_test_id("inspector").locator("h2").inner_text()
    assert acting.total(page) == pytest.approx(logits[7], abs=1e-4)
    page.get_by_role("button", name="How it does that").click()
    assert "softmax1" in page.get_by_test_id("inspector").locator("h2").inner_text()
    shares = np.exp(logits - logits.max())
    assert acting.total(page) == pytest.approx(shares[7] / shares.sum(), abs=1e-5)
    assert "class “7”" in page.get_by_test_id("inspector").inner_text()


def test_long_names_of_classes_are_written_out(open_page, explorer: Server):
    page = open_page()

    def renamed(route):
        answer = route.fetch()
        route.fulfill(json={**answer.json(), "classes": ["automobile", "lighthouse"]})

    page.route("**/v1/models/photos", renamed)
    page.get_by_label("Run", exact=True).select_option("photos")
    page.wait_for_function("() => document.querySelectorAll('.plane').length === 3")
    winner = page.locator(".winner strong")
    winner.wait_for()
    assert winner.inner_text() in ("automobile", "lighthouse")
    assert winner.bounding_box()["height"] < 45  # one line
    cut = "names => names.filter(name => name.scrollWidth > name.clientWidth + 1).length"
    assert page.locator(".top .name").count() == 2
    assert page.locator(".top .name").evaluate_all(cut) == 0


def test_an_empty_sheet_is_said_to_be_empty(open_page):
    page = open_page()
    page.get_by_role("button", name="Clear").click()
    page.get_by_text("The image is empty").wait_for()
    acting.draw(page, acting.SEVEN)
    assert page.get_by_text("The image is empty").count() == 0


@pytest.mark.parametrize(
    ("language", "words"), [("en-US", "finds patterns"), ("zh-CN", "寻找图案")]
)
def test_every_layer_says_what_it_does(open_page, language, words):
    page = open_page(language=language)
    acting.draw(page, acting.SEVEN)
    said = page.locator(".layer .does").all_inner_texts()
    assert len(said) == page.locator(".layer:not(.image)").count()
    assert said[0] == words
    acting.open_cell(page, "conv1", 12, 40)
    assert len(page.locator(".inspector .about").inner_text()) > 10


def test_flatten_shows_where_a_cell_stands_in_the_row(open_page):
    page = open_page()
    acting.draw(page, acting.SEVEN)
    (index,) = acting.open_cell(page, "flatten1", 20, 100)
    first = index - index % 36
    text = page.get_by_test_id("inspector").inner_text()
    assert f"map {first // 36} is {first} to {first + 35}" in text
    strip = page.locator(".row-strip")
    strip.click(position={"x": strip.bounding_box()["width"] * 7.5 / 36, "y": 10})
    assert page.get_by_test_id("inspector").get_attribute("data-cell") == str(first + 7)
    page.get_by_label("Map of max_pool2").click(position={"x": 2, "y": 2})
    assert page.get_by_test_id("inspector").get_attribute("data-cell") == str(first)


def test_a_window_on_a_photo_names_its_planes(open_page, explorer: Server):
    page = open_page(f"http://127.0.0.1:{explorer.port}/#run=photos")
    acting.open_cell(page, "conv1", 12, 20)
    inspector = page.get_by_test_id("inspector")
    assert inspector.locator(".channels button span:first-child").all_inner_texts() == list("RGB")
    inspector.locator(".channels button").nth(1).click()
    assert "plane G" in inspector.inner_text()


def test_the_pixels_of_a_photo_are_three_numbers_and_the_marked_one_stays_in_view(
    open_page, explorer: Server
):
    page = open_page(f"http://127.0.0.1:{explorer.port}/#run=photos")
    page.get_by_role("button", name="See the pixels as numbers").click()
    pixels = page.get_by_test_id("pixels")
    together = pixels.locator(".where").inner_text()
    assert together.count(", ") == 6  # row, column: three values, three normalised ones
    for _ in range(6):
        pixels.get_by_role("button", name="Larger").click()
    frame = pixels.locator(".pixel-frame")
    box = frame.bounding_box()
    assert box["y"] + box["height"] <= 900
    seen = """frame => {
        const canvas = frame.querySelector('canvas');
        const [unit, box] = [canvas.clientWidth / 64, frame.getBoundingClientRect()];
        const [y, x] = [32, 32].map(at => at * unit);
        const inner = canvas.getBoundingClientRect();
        return inner.left + x >= box.left - 1 && inner.left + x + unit <= box.right + 1
            && inner.top + y >= box.top - 1 && inner.top + y + unit <= box.bottom + 1;
    }"""
    assert frame.evaluate(seen)
    pixels.get_by_role("button", name="G", exact=True).click()
    assert pixels.locator(".where").inner_text().count(", ") == 2


def test_what_is_no_image_is_told_wherever_it_is_dropped(open_page):
    page = open_page(refused=True)
    transfer = page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(['a,b'], 'table.csv', { type: 'text/csv' }));
            return transfer;
        }"""
    )
    page.locator(".network").dispatch_event("dragover", {"dataTransfer": transfer})
    page.locator(".input.is-over").wait_for()
    page.locator(".network").dispatch_event("drop", {"dataTransfer": transfer})
    page.get_by_role("heading", name="This image cannot be used").wait_for()
    assert page.locator(".input.is-over").count() == 0


def test_the_image_opens_as_its_numbers(open_page, tmp_path):
    page = open_page()
    acting.give(page, acting.save_digit(tmp_path, 7)[0])
    page.get_by_role("button", name="See the pixels as numbers").click()
    pixels = page.get_by_test_id("pixels")
    assert "row 14, column 14" in pixels.inner_text()
    page.keyboard.press("Escape")
    assert pixels.count() == 0


def test_a_photo_on_an_rgb_run_is_answered_and_explained(open_page, tmp_path):
    page = open_page()
    path = tmp_path / "temple.jpg"
    Image.fromarray(photos.tiles("china", 200)[0]).save(path, quality=95)
    page.get_by_label("Run", exact=True).select_option("photos")
    page.wait_for_function("() => document.querySelectorAll('.plane').length === 3")
    # dropped, as a person would
    transfer = page.evaluate_handle(
        """async bytes => {
            const transfer = new DataTransfer();
            const file = new File([new Uint8Array(bytes)], 'temple.jpg', { type: 'image/jpeg' });
            transfer.items.add(file);
            return transfer;
        }""",
        list(path.read_bytes()),
    )
    page.locator(".input").dispatch_event("drop", {"dataTransfer": transfer})
    page.locator(".notes", has_text="200×200").wait_for()
    assert acting.winner(page) in photos.CLASSES
    page.get_by_label("What spoke for it").select_option("grad-cam")
    page.get_by_text("orange speaks for the class").wait_for(timeout=60_000)


def test_samples_and_mistakes_can_be_taken(open_page):
    page = open_page()
    page.locator(".samples img").first.wait_for()
    seen = acting.logits(page)
    page.locator(".samples button").nth(3).click()
    page.wait_for_function(
        "seen => document.querySelector('.answer').dataset.logits !== seen",
        arg=",".join(map(str, seen)),
    )
    page.get_by_role("button", name="Worst mistakes").click()
    page.locator(".samples .wrong").first.wait_for()


def test_the_language_switches_and_stays(open_page):
    page = open_page()
    page.get_by_test_id("language").click()
    page.get_by_role("heading", name="写一个数字").wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh"
    page.reload()
    page.get_by_role("heading", name="写一个数字").wait_for()


def test_the_address_chooses_the_language_and_goes_on_naming_it(open_page, explorer: Server):
    page = open_page(f"http://127.0.0.1:{explorer.port}/?lang=zh")
    page.get_by_role("heading", name="写一个数字").wait_for()
    page.get_by_role("link", name="convlens").click()
    page.get_by_role("heading", name="写一个数字").wait_for()
    page.get_by_test_id("language").click()
    page.get_by_role("heading", name="Draw a digit").wait_for()
    assert page.url.endswith("?lang=en")


def test_the_theme_switches(open_page):
    page = open_page()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_test_id("theme").click()
    assert page.evaluate(ground) != light


def test_what_is_no_image_is_refused_in_three_parts(open_page, tmp_path):
    page = open_page(refused=True)
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG no image")
    page.get_by_test_id("file").set_input_files(path)
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "What is wrong" in alert.inner_text()
    alert.get_by_role("button", name="Close").click()
    assert page.get_by_role("alert").count() == 0
    page.get_by_test_id("file").set_input_files(path)
    alert.wait_for()
    acting.draw(page, acting.SEVEN)
    assert page.get_by_role("alert").count() == 0


def test_the_first_view_is_light_and_soon_there(open_page):
    page = open_page(ready=False)
    page.get_by_role("heading", name="Draw a digit").wait_for()
    shown = page.evaluate(
        "performance.getEntriesByType('paint').find(p => p.name === 'first-contentful-paint')"
    )
    files = page.evaluate(
        "performance.getEntriesByType('resource')"
        ".filter(r => /\\.(js|css|svg)$/.test(r.name)).map(r => r.decodedBodySize)"
    )
    print(f"first contentful paint {shown['startTime']:.0f} ms, {sum(files):,} bytes unpacked")
    assert shown["startTime"] < 1500
    assert sum(files) < 400_000
