"""Edit a network, read what does not fit, train it, watch its curve grow."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from conftest import DESKTOP, PHONE
from convlens.foundation.errors import NetworkError
from convlens.network import Network, zoo
from convlens.network.layers import KINDS

if TYPE_CHECKING:
    from serving import Server


def test_a_layer_edited_into_an_error_gives_the_command_lines_message(open_page):
    page = open_page(refused=True)
    page.get_by_role("button", name="Workbench").click()
    page.get_by_text("It fits.").wait_for()
    assert "31,626" in page.get_by_test_id("verdict").inner_text()
    page.get_by_label("conv2 kernel").fill("3")
    alert = page.get_by_role("alert")
    alert.wait_for()
    written = zoo.resolve("tutorial-torch").to_dict()
    written["layers"][3]["kernel"] = 3
    try:
        Network.read(written).plan()
    except NetworkError as error:
        expected = error
    shown = alert.inner_text()
    assert expected.what.partition("\n")[0] in shown
    assert expected.expected in shown
    assert expected.fix in shown
    assert page.locator('[data-row="max_pool2"].is-wrong').count() == 1
    assert page.get_by_test_id("train").is_disabled()
    page.get_by_label("conv2 kernel").fill("2")
    page.get_by_text("It fits.").wait_for()


def test_layers_are_added_moved_and_removed(open_page):
    page = open_page(refused=True)
    page.get_by_role("button", name="Workbench").click()
    page.get_by_text("It fits.").wait_for()
    page.get_by_label("Kind of the new layer").first.select_option("dropout")
    page.get_by_role("alert").wait_for()  # after softmax
    page.get_by_role("button", name="Move dropout1 up").click()
    page.get_by_text("It fits.").wait_for()
    page.get_by_role("button", name="Remove dropout1").click()
    page.wait_for_function("() => !document.querySelector('[data-row=dropout1]')")


def test_the_bench_says_that_a_network_is_adapted_to_other_images(open_page):
    page = open_page()
    page.get_by_role("button", name="Workbench").click()
    page.get_by_text("It fits.").wait_for()
    page.locator(".start select").select_option("digits-5k")
    adapted = page.get_by_text("The network is adapted to these images")
    assert adapted.count() == 0
    page.get_by_label("Begin with").select_option("bottleneck-resnet")
    adapted.wait_for()
    assert "1×28×28" in adapted.inner_text()


def test_a_mistake_inside_a_block_marks_the_layer_that_is_wrong(open_page):
    page = open_page(refused=True)
    page.get_by_role("button", name="Workbench").click()
    page.get_by_label("Begin with").select_option("bottleneck-resnet")
    page.get_by_text("It fits.").wait_for()
    inner = '[data-row="residual1.conv2"]'
    page.locator(inner).get_by_label("conv2 padding").fill("0")
    page.get_by_role("alert").wait_for()
    # 3x3 without padding lowers the size, and the two sides of the sum no longer meet
    assert rows_marked(page) == ["residual1"]
    page.locator(inner).get_by_label("conv2 groups").fill("5")
    page.wait_for_function("() => document.querySelectorAll('.layers .layers .is-wrong').length")
    assert rows_marked(page) == ["residual1.conv2"]
    assert "groups 5" in page.get_by_role("alert").inner_text()
    # the rows before it keep their shapes
    assert page.locator('[data-row="residual1.conv1"] .shape').first.inner_text() == "16×32×32"


def test_all_mistakes_are_listed_and_every_wrong_layer_is_marked(open_page):
    page = open_page(refused=True)
    page.get_by_role("button", name="Workbench").click()
    page.get_by_text("It fits.").wait_for()
    page.get_by_label("conv1 stride").fill("0")
    page.get_by_label("conv2 dilation").fill("-3")
    page.wait_for_function("() => document.querySelectorAll('.layers .is-wrong').length === 2")
    assert rows_marked(page) == ["conv1", "conv2"]
    listed = page.get_by_role("alert").get_by_role("listitem").all_inner_texts()
    assert ["stride" in listed[0], "dilation" in listed[1]] == [True, True]
    assert all("What is wrong" in text and "Expected" in text for text in listed)


def rows_marked(page) -> list[str]:
    marked = page.locator(".is-wrong")
    return [one.get_attribute("data-row") or "" for one in marked.all()]


def test_every_setting_of_every_kind_can_be_edited(open_page):
    page = open_page(refused=True)
    page.get_by_role("button", name="Workbench").click()
    page.get_by_text("It fits.").wait_for()
    add = page.get_by_label("Kind of the new layer").last
    for kind, layer in KINDS.items():
        add.select_option(kind)
        expected = {
            kind if field == layer.head else field
            for field in layer.model_fields
            if field not in ("name", "layers", "shortcut", "branches")
        }
        row = page.locator(".bench > .layers > li").last
        shown = row.locator(":scope > .row [data-field]").all()
        assert {one.get_attribute("data-field") for one in shown} == expected, kind
        assert row.locator(":scope > .row .name").count() == 1


def test_bias_dilation_rate_and_name_change_the_network(open_page):
    page = open_page(refused=True)
    page.get_by_role("button", name="Workbench").click()
    page.get_by_text("It fits.").wait_for()
    page.get_by_label("conv1 bias").uncheck()
    page.get_by_text("31,594").first.wait_for()  # 32 parameters fewer
    page.get_by_label("conv1 bias").check()
    page.get_by_text("31,626").first.wait_for()
    page.get_by_label("conv1 dilation").fill("2")
    page.locator('[data-row="conv1"] .shape', has_text="32×24×24").wait_for()
    page.get_by_label("conv1 dilation").fill("")
    page.get_by_label("Name of conv1").fill("eyes")
    page.locator('[data-row="eyes"] .shape', has_text="32×26×26").wait_for()
    page.get_by_label("Kind of the new layer").first.select_option("dropout")
    page.get_by_label("dropout1 rate").fill("1.5")
    page.locator('[role="alert"]', has_text="1.5").wait_for()


def state_in_list(server: Server, network: str) -> str:
    rows = server.get("/v1/models").json()["models"]
    return str({row["network"]: row["state"] for row in rows}[network])


def test_a_training_started_from_the_page_is_watched_live(open_page, explorer: Server):
    page = open_page()
    page.get_by_role("button", name="Workbench").click()
    page.get_by_label("Begin with").select_option("lenet-5")
    page.get_by_text("It fits.").wait_for()
    page.get_by_label("epochs").fill("40")
    page.get_by_test_id("train").click()
    curve = page.get_by_test_id("loss")
    curve.wait_for(timeout=90_000)
    points = int(curve.get_attribute("data-points") or 0)
    page.wait_for_function(
        "points => document.querySelector('[data-testid=loss]').dataset.points > points + 1",
        arg=points,
        timeout=90_000,
    )
    page.get_by_role("button", name="Stop training").click()
    page.locator(".fact", has_text="interrupted").wait_for(timeout=60_000)
    until = time.monotonic() + 60  # the list follows by the second
    while state_in_list(explorer, "lenet-5") == "running" and time.monotonic() < until:
        time.sleep(0.1)
    assert state_in_list(explorer, "lenet-5") == "interrupted"


def test_a_finished_run_shows_its_curves_and_filters(open_page):
    page = open_page()
    page.get_by_role("button", name="Training").click()
    page.get_by_test_id("accuracy").wait_for()
    assert page.get_by_test_id("accuracy").get_attribute("data-points") == "4"
    sheet = page.locator(".filters canvas")
    sheet.wait_for()
    trained = sheet.screenshot()
    page.locator(".slider input").fill("0")
    assert "epoch 0" in page.locator(".slider").inner_text()
    assert sheet.screenshot() != trained
    page.get_by_role("button", name="Play").click()
    page.locator(".slider", has_text="epoch 4").wait_for()
    assert sheet.screenshot() == trained
    page.get_by_label("Layer").select_option("conv2")
    page.get_by_label("Channel").wait_for()
    first = sheet.screenshot()
    page.get_by_label("Channel").select_option("31")
    assert sheet.screenshot() != first


def test_both_validation_losses_are_drawn_where_labels_are_smoothed(open_page, explorer: Server):
    page = open_page(f"http://127.0.0.1:{explorer.port}/#run=digits")
    page.get_by_role("button", name="Training").click()
    loss = page.locator(".chart", has=page.get_by_test_id("loss"))
    loss.wait_for()
    events = explorer.get("/v1/models/digits/metrics").json()["events"]
    last = next(event for event in reversed(events) if "validation_loss" in event)
    assert last["validation_loss"] > last["validation_cross_entropy"]
    legend = loss.locator("li").all_inner_texts()
    assert legend[1].startswith("validation, with label smoothing")
    assert legend[2].startswith("validation, without")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_number_of_a_chart_is_cut_off(open_page, explorer: Server, viewport):
    page = open_page(f"http://127.0.0.1:{explorer.port}/#run=photos", viewport=viewport)
    page.get_by_role("button", name="Training").click()
    page.get_by_test_id("accuracy").get_by_text("100.0%").first.wait_for()
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.chart text')].filter(text => {
            const [own, all] = [text, text.ownerSVGElement].map(e => e.getBoundingClientRect());
            return own.left < all.left || own.right > all.right || own.top < all.top;
        }).map(text => text.textContent)"""
    )
    assert cut == []
