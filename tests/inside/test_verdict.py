"""Verdicts: the measurements of each method side by side, and a sentence that follows from them."""

from __future__ import annotations

import numpy as np
import pytest

import trained
from convlens.engines.torch_engine import TorchModel
from convlens.foundation.errors import InputError
from convlens.inside.attribution_checks import Cascade, Curves, Faithfulness, cascade, faithfulness
from convlens.inside.look import Classifier
from convlens.inside.verdict import AttributionChecks, Verdict, judge
from convlens.network import Network

SHARE = np.linspace(0, 1, 3)


def tutorial() -> Classifier:
    dataset = trained.digits()
    return Classifier(
        "tut", trained.tutorial(), dataset.preprocessing, dataset.classes, trained=True
    )


def verdict(method: str, similarity: float, areas: list[float]) -> Verdict:
    """Build what would be measured where each image's deletion curve is flat at a height."""
    flat = np.array(areas)[:, None] * np.ones(3)
    chance = np.array([0.5, 0.4, 0.6])[:, None] * np.ones(3)
    ranks = np.array([[[1.0] * 3, [similarity] * 3]])
    return Verdict(
        Cascade(method, ("linear1",), ranks),  # type: ignore[arg-type]
        Faithfulness(method, Curves(SHARE, flat, 1 - flat), Curves(SHARE, chance, 1 - chance)),  # type: ignore[arg-type]
    )


def sentence(*verdicts: Verdict) -> str:
    return AttributionChecks(tutorial(), 3, 400, 1, verdicts).sentence()


def test_the_measurements_are_those_of_the_drawn_images() -> None:
    subject, split = tutorial(), trained.digits().validation
    told: list[str] = []
    found = judge(
        subject, split, images=3, methods=["saliency", "grad-cam"], seeds=1, on_progress=told.append
    )
    drawn = np.sort(np.random.default_rng(0).permutation(len(split))[:3])
    images = subject.preprocessing.normalise(split.images[drawn])
    first = found.verdicts[0]
    alone = cascade(subject.model, images, "saliency", seeds=(0,))
    assert first.similarity == pytest.approx(alone.mean[-1], abs=1e-9)
    curves = faithfulness(subject.model, images, "saliency").curves
    assert first.deletion.mean == pytest.approx(curves.deletion_auc, abs=1e-6)
    assert first.insertion.mean == pytest.approx(curves.insertion_auc, abs=1e-6)
    areas = [np.trapezoid(curve, curves.share) for curve in curves.deletion]
    assert first.deletion.error == pytest.approx(np.std(areas, ddof=1) / np.sqrt(3), rel=1e-4)
    assert (found.images, found.available, found.seeds) == (3, 400, 1)
    assert [verdict.method for verdict in found.verdicts] == ["saliency", "grad-cam"]
    assert [line.split()[0] for line in told] == ["saliency", "grad-cam"]


def test_fewer_images_than_asked_for_are_all_taken() -> None:
    split = trained.digits().validation.take(np.arange(2))
    found = judge(tutorial(), split, images=50, methods=["saliency"], seeds=1)
    assert found.images == found.available == 2


def test_the_sentence_names_who_passes_and_who_is_fastest() -> None:
    fast, slow = [0.1, 0.1, 0.1], [0.3, 0.3, 0.3]
    assert sentence(verdict("occlusion", 0.2, fast), verdict("saliency", 0.9, slow)) == (
        "of 2 methods, occlusion passes the sanity check and saliency fails it; occlusion lowers "
        "the score fastest (deletion area 0.100, a random order 0.500); begin with occlusion."
    )
    assert sentence(verdict("occlusion", 0.2, slow), verdict("saliency", 0.9, fast)).endswith(
        "saliency lowers the score fastest (deletion area 0.100, a random order 0.500); of those "
        "that pass, occlusion does: begin with it."
    )
    none = sentence(verdict("occlusion", 0.6, fast), verdict("saliency", 0.9, slow))
    assert none.startswith("all 2 methods fail the sanity check; occlusion lowers")
    assert none.endswith("take no map for a reason here.")


def test_methods_that_the_images_do_not_tell_apart_are_named_together() -> None:
    near = verdict("grad-cam", 0.1, [0.12, 0.08, 0.15])
    told = sentence(verdict("occlusion", 0.2, [0.1, 0.1, 0.1]), near)
    assert "occlusion and grad-cam lower the score fastest (deletion area 0.100 and 0.117" in told
    assert "not told apart by these images" in told


def test_a_method_no_better_than_chance_is_not_called_fast() -> None:
    told = sentence(verdict("grad-cam", 0.1, [0.45, 0.5, 0.5]))
    assert told == (
        "grad-cam passes the sanity check; it does not lower the score clearly faster than a "
        "random order; take no map for a reason here."
    )


def test_what_cannot_be_judged_is_refused() -> None:
    subject, split = tutorial(), trained.digits().validation
    with pytest.raises(InputError, match='did you mean "saliency"'):
        judge(subject, split, methods=["salience"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="1 images and 2 seeds"):
        judge(subject, split, images=1)
    with pytest.raises(InputError, match="0 seeds"):
        judge(subject, split, seeds=0)
    with pytest.raises(InputError, match="no method"):
        judge(subject, split, methods=[])
    flat = Network(input=(1, 28, 28), layers=[{"flatten": True}, {"linear": 10}])
    from convlens.engines.torch_engine import TorchModel

    linear = Classifier("flat", TorchModel(flat), subject.preprocessing, subject.classes, True)
    with pytest.raises(InputError, match="no convolution"):
        judge(linear, split, methods=["grad-cam"])


def test_no_method_is_trusted_on_a_network_at_chance() -> None:
    dataset = trained.digits()
    blind = Classifier(
        "blind",
        TorchModel(trained.tutorial().network, seed=3),
        dataset.preprocessing,
        dataset.classes,
        trained=True,
    )
    found = judge(blind, dataset.validation, images=8, methods=["saliency", "occlusion"], seeds=1)
    assert found.trusted == ()
    assert "trust none of the methods here" in found.sentence()
    assert "begin with" not in found.sentence()
    good = judge(tutorial(), dataset.validation, images=8, methods=["occlusion"], seeds=1)
    assert good.skill is not None
    assert not good.skill.is_chance


def test_an_area_that_equals_a_random_orders_recommends_nothing() -> None:
    # below the random order for every image, by a thousandth: beyond chance, and worth nothing
    told = sentence(
        verdict("saliency", 0.1, [0.499, 0.399, 0.599]),
        verdict("grad-cam", 0.1, [0.4990, 0.3991, 0.5991]),
    )
    assert "no method lowers the score clearly faster than a random order" in told
    assert "trust none of them" in told
