"""From nothing to a classifier of one's own photos, with no command after `convlens serve`."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from PIL import Image
from test_accessibility import cut_off, serious

import photos as pictures
from conftest import DESKTOP, PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Page


def tiles(folder: Path, count: int, side: int = 96) -> Path:
    """Write `count` tiles of each of two photos, one folder per class."""
    for name in pictures.CLASSES:
        (folder / name).mkdir(parents=True)
        for number, tile in enumerate(pictures.tiles(name, side)[-count:]):
            Image.fromarray(tile).save(folder / name / f"{number:02}.jpg", quality=92)
    return folder


def photos_view(page: Page) -> Page:
    page.get_by_role("button", name="Your photos").click()
    page.locator("main.photos h1").wait_for()
    return page


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders on the middle of the page, as the desktop does."""
    devtools = page.context.new_cdp_session(page)
    size = page.viewport_size
    assert size is not None
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send(
            "Input.dispatchDragEvent",
            {"type": kind, "x": size["width"] // 2, "y": size["height"] - 40, "data": data},
        )


def counts(page: Page) -> dict[str, int]:
    """Return how many photos the page shows for each class."""
    cards = page.locator(".class-card").all()
    return {
        card.get_by_label("Name of the class").input_value(): int(
            card.get_by_test_id("count").inner_text()
        )
        for card in cards
    }


def wait_for_counts(page: Page, **expected: int) -> None:
    for name, count in expected.items():
        card = page.get_by_role("region", name=name, exact=True)
        card.get_by_test_id("count").get_by_text(str(count), exact=True).wait_for()
    assert counts(page) == expected


def train(page: Page) -> None:
    page.get_by_test_id("train-photos").click()
    page.get_by_test_id("accuracy").or_(page.locator(".problem")).wait_for(timeout=120_000)
    assert page.locator(".problem").all_inner_texts() == []


def answer_to(page: Page, path: Path) -> str:
    page.get_by_test_id("try-file").set_input_files(path)
    page.get_by_test_id("live-winner").wait_for()
    return page.get_by_test_id("live-winner").locator("strong").inner_text()


def test_two_dropped_folders_become_a_classifier(open_page, empty: str, tmp_path: Path) -> None:
    folder = tiles(tmp_path / "photos", 14)
    held = {name: sorted((folder / name).iterdir())[-1] for name in pictures.CLASSES}
    for name, path in held.items():
        held[name] = path.rename(tmp_path / f"{name}.jpg")
    page = open_page(empty, ready=False)
    page.get_by_role("button", name="Train on your own photos").click()
    page.get_by_role("heading", name="Teach a classifier").wait_for()
    page.get_by_text("stay on this machine").wait_for()
    drop(page, folder / "china", folder / "flower")
    wait_for_counts(page, china=13, flower=13)
    train(page)
    told = page.get_by_test_id("accuracy").inner_text()
    assert "of 6 photos right" in told
    assert "95% interval" in page.locator(".result").inner_text()
    for name, path in held.items():
        assert answer_to(page, path) == name
    # the whole page is about the new run
    assert page.locator(".run strong").inner_text().endswith("-photos")
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Report").click()
    popup.value.wait_for_load_state()
    assert "china" in popup.value.content()
    with page.expect_download() as download:
        page.get_by_role("link", name="ONNX file").click()
    assert download.value.suggested_filename.endswith("-photos.onnx")
    assert Path(download.value.path()).stat().st_size > 10**7
    # and looks at one of the photos
    page.get_by_role("button", name="Photo 13 of china", exact=True).click()
    page.get_by_test_id("winner").wait_for()
    assert page.get_by_test_id("winner").locator("strong").inner_text() in pictures.CLASSES
    page.get_by_role("button", name="Training").click()
    page.get_by_test_id("loss").wait_for()


def test_a_photo_is_removed_and_a_class_is_renamed_and_added_later(
    open_page, empty: str, tmp_path: Path
) -> None:
    folder = tiles(tmp_path / "photos", 6)
    page = open_page(empty, ready=False)
    photos_view(page)
    page.get_by_test_id("folder").set_input_files(folder)
    wait_for_counts(page, china=6, flower=6)
    page.get_by_role("button", name="Remove: Photo 6 of china").click()
    wait_for_counts(page, china=5, flower=6)
    name = page.get_by_label("Name of the class").first
    name.fill("temple")
    name.press("Enter")
    wait_for_counts(page, temple=5, flower=6)
    train(page)
    # a third class, later: the page says that what is trained is no longer what is there
    page.get_by_role("button", name="Add a class").click()
    wait_for_counts(page, temple=5, flower=6, **{"Class 3": 0})
    page.get_by_text("Photos have changed since").wait_for()
    assert page.get_by_test_id("train-photos").is_disabled()
    card = page.get_by_role("region", name="Class 3")
    sky = [tmp_path / f"sky{n}.png" for n in range(4)]
    for number, path in enumerate(sky):
        Image.effect_noise((120, 120), 20 + 10 * number).convert("RGB").save(path)
    card.get_by_test_id("files").set_input_files(sky)
    wait_for_counts(page, temple=5, flower=6, **{"Class 3": 4})
    page.get_by_test_id("train-photos").click()
    page.locator(".shares li").or_(page.locator(".progress")).first.wait_for()
    page.locator(".progress").wait_for(state="detached", timeout=120_000)
    page.get_by_text("Photos have changed since").wait_for(state="detached")
    assert answer_to(page, sky[0]) == "Class 3"
    assert page.locator(".shares li").count() == 3
    # a class that holds photos is asked about before it goes
    card.get_by_role("button", name="Remove the class Class 3").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Keep").click()
    card.get_by_role("button", name="Remove the class Class 3").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    wait_for_counts(page, temple=5, flower=6)
    # the photos are still there for the next visit
    page.reload()
    photos_view(page)
    wait_for_counts(page, temple=5, flower=6)
    page.get_by_role("button", name="Delete photos").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete photos").click()
    page.get_by_role("heading", name="Teach a classifier").wait_for()


def test_what_cannot_be_used_is_told(open_page, empty: str, tmp_path: Path) -> None:
    folder = tiles(tmp_path / "photos", 3)
    good = (folder / "china" / "00.jpg").read_bytes()
    (folder / "china" / "cut.jpg").write_bytes(good[:400])
    (folder / "china" / "notes.txt").write_text("left out")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("../evil.jpg", good)
    (tmp_path / "evil.zip").write_bytes(packed.getvalue())
    page = open_page(empty, ready=False, refused=True)
    photos_view(page)
    drop(page, folder / "china")
    wait_for_counts(page, china=3)
    told = page.locator(".outcome.has-refused")
    told.wait_for()
    assert "cut.jpg" in told.inner_text()
    assert "notes.txt" not in told.inner_text()
    # one class cannot be trained on, and the page says why
    assert page.get_by_test_id("train-photos").is_disabled()
    page.get_by_text("Add a second class").wait_for()
    # the same photo in another class
    page.get_by_role("button", name="Add a class").click()
    card = page.get_by_role("region", name="Class 2")
    card.get_by_test_id("files").set_input_files(folder / "china" / "00.jpg")
    page.locator(".outcome", has_text='the same photo is in the class "china"').wait_for()
    drop(page, tmp_path / "evil.zip")
    page.locator('.problem[data-code="bad_archive"]', has_text="leads out of the folder").wait_for()
    page.get_by_role("button", name="Close").first.click()
    # a name that is taken
    name = card.get_by_label("Name of the class")
    name.fill("China")
    name.press("Enter")
    page.locator(".problem", has_text='there is a class "China" already').wait_for()
    wait_for_counts(page, china=3, **{"Class 2": 0})


def test_a_zip_of_folders_is_a_collection(open_page, empty: str, tmp_path: Path) -> None:
    folder = tiles(tmp_path / "photos", 3)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for path in folder.rglob("*.jpg"):
            file.write(path, path.relative_to(tmp_path))
    page = open_page(empty, ready=False)
    photos_view(page)
    page.get_by_test_id("zip").set_input_files(tmp_path / "photos.zip")
    wait_for_counts(page, china=3, flower=3)


def test_the_camera_records_a_class_and_is_classified_live(
    seeing, empty: str, tmp_path: Path
) -> None:
    folder = tiles(tmp_path / "photos", 12)
    page = seeing(empty, ready=False, still=False)
    photos_view(page)
    page.get_by_role("button", name="Use the camera").click()
    hold = page.get_by_role("button", name="Hold to record")
    hold.wait_for()
    page.locator("video").first.evaluate("video => video.readyState")
    page.wait_for_function("() => !document.querySelector('.hold').disabled")
    for _ in range(2):  # by mouse, and by keyboard
        hold.hover()
        page.mouse.down()
        page.wait_for_timeout(1_200)
        page.mouse.up()
        hold.focus()
        page.keyboard.down(" ")
        page.wait_for_timeout(900)
        page.keyboard.up(" ")
    page.wait_for_function(
        "() => Number(document.querySelector('[data-testid=count]').textContent) >= 12"
    )
    page.locator(".coming").first.wait_for(state="detached")
    page.get_by_role("button", name="Close").first.click()
    assert page.locator("video").count() == 0
    name = page.get_by_label("Name of the class").first
    name.fill("flower")
    name.press("Enter")
    other = page.get_by_role("region", name="Class 2")
    other.get_by_test_id("files").set_input_files(sorted((folder / "china").iterdir()))
    other.get_by_test_id("count").get_by_text("12", exact=True).wait_for()
    train(page)
    # seconds later, without another click
    page.get_by_test_id("live-winner").wait_for()
    page.locator("[data-testid=live-winner] strong", has_text="flower").wait_for()
    page.get_by_role("button", name="Stop the camera").click()
    assert page.locator("video").count() == 0


def test_a_training_is_stopped_and_leaves_no_run(open_page, empty: str, tmp_path: Path) -> None:
    page = open_page(empty, ready=False, refused=True)
    photos_view(page)
    page.get_by_test_id("folder").set_input_files(tiles(tmp_path / "photos", 6))
    wait_for_counts(page, china=6, flower=6)
    page.get_by_test_id("train-photos").click()
    page.get_by_role("button", name="Stop training").click()
    page.get_by_test_id("train-photos").wait_for()
    assert page.locator(".problem").count() == 0
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".photos"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_view_can_be_used_by_everyone(
    open_page, serve, tmp_path: Path, viewport, language, scheme
) -> None:
    server = serve("--runs", tmp_path / "runs")
    page = open_page(
        f"http://127.0.0.1:{server.port}/",
        ready=False,
        viewport=viewport,
        language=language,
        scheme=scheme,
    )
    page.locator("nav button").last.click()
    page.locator(".welcome").wait_for()
    assert serious(page) == []
    assert cut_off(page) == []
    page.get_by_test_id("folder").set_input_files(tiles(tmp_path / "photos", 3))
    page.locator(".class-card").nth(1).wait_for()
    page.locator(".class-card .tools button").nth(1).click()
    page.locator("video").wait_for()
    assert serious(page) == []
    assert cut_off(page) == []


def test_a_published_page_does_not_offer_it(open_page, site: str) -> None:
    page = open_page(site)
    assert page.get_by_role("button", name="Workbench").count() == 1
    assert page.get_by_role("button", name="Your photos").count() == 0
