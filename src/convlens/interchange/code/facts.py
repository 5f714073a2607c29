"""What a model needs beside its layers and weights, as texts that any file format can hold."""

from __future__ import annotations

import json

from convlens.inside.look import Classifier


def facts_of(subject: Classifier) -> dict[str, str]:
    """Return how images are prepared and what the classes are called, as JSON texts.

    `convlens.interchange.imported.read_facts` reads them.

    Returns
    -------
    dict of str to str
        "preprocessing" (input, mean, std of pixels scaled to 0..1, framing, background, fit) and
        "classes".
    """
    return {
        "preprocessing": json.dumps(subject.preprocessing.to_dict()),
        "classes": json.dumps(list(subject.classes)),
    }
