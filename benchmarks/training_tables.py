"""The sections of `docs/benchmarks.md` about training: what a file of results says, as Markdown."""

from __future__ import annotations

from convlens.figures.charts import Chart, Line, charts_svg
from convlens.report import numbers
from table_text import Result, accuracy, seconds, table


def time_to_accuracy(result: Result) -> str:
    targets = [f"{target:.3f}" for target in result["targets"]]
    head = ["who", *(f"to {100 * float(t):.1f}%" for t in targets)]
    head += ["accuracy at its end", "seconds at its end", "seeds"]
    rows = []
    for one in result["contestants"]:
        end = accuracy(one["end_accuracy_mean"], one["end_accuracy_std"])
        last = one["mean_curve"][-1]["seconds"] if one["mean_curve"] else None
        times = [seconds(one["seconds_to"][target]) for target in targets]
        rows.append([one["name"], *times, end, seconds(last), str(one["seeds"])])
    text = [table(head, rows)]
    if result["ratios"]:
        ratio_rows = [
            [f"{100 * row['target']:.1f}%", row["of"], row["by"], f"{row['ratio']:.1f}"]
            for row in result["ratios"]
        ]
        text.append("Times as long as the quickest recipe of convlens:")
        text.append(table(["target", "who", "against", "ratio"], ratio_rows))
    text.append("![Test accuracy by seconds of training](time-to-accuracy.svg)")
    if result["not_installed"]:
        text.append("Not installed there: " + ", ".join(result["not_installed"]) + ".")
    return "\n\n".join(text)


def curves(result: Result) -> str:
    """Draw mistakes by seconds, both logarithmic: every contestant's way down."""
    lines = [
        Line(
            one["name"],
            [point["seconds"] for point in one["mean_curve"]],
            [100 * max(1 - point["test_accuracy"], 1e-4) for point in one["mean_curve"]],
        )
        for one in result["contestants"]
        if one["mean_curve"]
    ]
    return charts_svg(
        [
            Chart(
                "MNIST: test mistakes after each epoch",
                "seconds of training",
                "% wrong",
                lines,
                logarithmic=True,
                logarithmic_x=True,
            )
        ]
    )


def ladder(result: Result) -> str:
    rows = []
    for one in result["rungs"]:
        epochs = one.get("epochs", [])
        reached = one.get("seconds_to_target")
        rows.append(
            [
                one["rung"],
                seconds(one["seconds_for_60000"]),
                "–" if reached is None else str(len(epochs)),
                seconds(reached),
            ]
        )
    target = numbers.percent(result["target"], 1)
    head = ["the example, then one change after another", "60,000 images"]
    head += [f"epochs to {target} of the held-out digits", "seconds to it"]
    return table(head, rows)


def step_overhead(result: Result) -> str:
    return (
        f"A step of `convlens train` takes {result['ratio']:.2f} of the time of a hand-written "
        f"loop of the same recipe ({result['precision']}, {result['memory_format']})."
    )


def digits(result: Result) -> str:
    def sentence(one: Result) -> str:
        return (
            f"{numbers.percent(one['test_accuracy_mean'])}, "
            f"standard deviation {100 * one['test_accuracy_std']:.2f}%, {one['seeds']} seeds, "
            f"{one['train_seconds_median']:.1f} s of training."
        )

    text = (
        f"`digits-5k`, the 1,000 held out: {sentence(result)} A plain float32 loop of 15 epochs "
        f"takes {result['plain_trial_seconds']:.1f} s in the same run."
    )
    if fresh := result.get("fresh_seeds"):
        text += (
            f" With seeds from {fresh['first_seed']}, which no choice has seen, on another machine "
            f"({fresh['processor']}): {sentence(fresh)}"
        )
    return text


def recipes(result: Result) -> str:
    rows, remarks = [], []
    for name, one in result["recipes"].items():
        peer = one.get("peer")
        for recipe, part in [(name, one)] + ([(peer["recipe"], peer)] if peer else []):
            reached = accuracy(part["test_accuracy_mean"], part["test_accuracy_std"])
            size = f"{part['parameters']:,}"
            cells = [f"`{recipe}`", f"`{part['network']}`", size, one["data"], reached]
            time = seconds(part["seconds_median"])
            where = [str(part["threads"]), str(part["seeds"]), one["processor"]]
            rows.append([*cells, time, *where])
        if peer:
            share = one["time_of_peer"]
            remarks.append(f"`{name}` takes {share:.2f} of the time of `{peer['recipe']}`.")
        if "note" in one:
            remarks.append(f"`{name}`: {one['note']}.")
    head = [
        "recipe",
        "network",
        "parameters",
        "data",
        "test accuracy",
        "median",
        "threads",
        "seeds",
        "processor",
    ]
    return "\n\n".join([table(head, rows), *remarks])


def tutorial_loop(result: Result) -> str:
    names = {"convlens": "convlens", "plain": "the usual loop"}
    rows = [
        [
            names[one["who"]] + (f", threads {one['waiting']}" if "waiting" in one else ""),
            seconds(one["seconds"]),
            numbers.percent(one["test_accuracy"]),
        ]
        for one in result["trainings"]
    ]
    return (
        f"`tutorial-torch` on MNIST, {result['epochs']} epochs, in the order in which they ran; "
        "the usual loop takes PIL images from a `DataLoader`:\n\n"
        + table(["trained by", "time", "test accuracy"], rows)
        + f"\n\nThe faster training of convlens takes {result['ratio']:.2f} of the time of the "
        "faster one of the loop; other work on the machine only adds time."
    )


def photos(result: Result) -> str:
    rows = []
    for name, one in result["contestants"].items():
        trainings = one.get("trainings", [])
        accuracy = numbers.percent(one["test_accuracy"])
        if one.get("standard_deviation") is not None:
            accuracy += f" ± {numbers.percent(one['standard_deviation'])}"
        epochs = trainings[0].get("epochs") if trainings else None
        whole = trainings[0].get("seconds_of_25_epochs") if trainings else None
        rows.append(
            [
                name,
                "" if epochs is None else str(epochs),
                accuracy,
                str(len(trainings) or 1),
                seconds(one["seconds"]),
                "" if whole is None else seconds(whole),
            ]
        )
    columns = ["contestant", "epochs", "test accuracy", "seeds", "time", "time of 25 epochs"]
    about = (
        f"`{result['folder']}`, {result['photos']:,} photos, {result['test_photos']} of them for "
        "the test; each time is of a whole process, median over the seeds, but for the logistic "
        "regression, whose time is of the fit alone:\n\n"
    )
    quick = (
        "\n\nA quick run: one seed and one epoch of the tutorial, from which its time of 25 epochs "
        "is extrapolated. It says nothing of the accuracy that the tutorial reaches."
    )
    return about + table(columns, rows) + (quick if result["quick"] else "")


def tutorial_keras(result: Result) -> str:
    def row(who: str, one: Result, seeds: str) -> list[str]:
        return [who, numbers.percent(one["accuracy"]), f"{one['loss']:.4f}", seeds]

    trainings = result["trainings"]
    names = {"keras": f"Keras on {result['keras']['keras_backend']}", "torch": "PyTorch"}
    rows = [row("published", result["published"], "")]
    rows += [
        row(names[engine], mean, str(sum(one["engine"] == engine for one in trainings)))
        for engine, mean in result["mean"].items()
    ]
    return f"`tutorial-keras` on MNIST, {result['epochs']} epochs:\n\n" + table(
        ["trained by", "test accuracy, mean", "test loss, mean", "seeds"], rows
    )


def batch_size(result: Result) -> str:
    return "\n\n".join(f"{one['title']}:\n\n{one['markdown']}" for one in result["tables"])


def folder(result: Result) -> str:
    rows = [
        ["first start: list, decode, cache, split", f"{result['first_start_images_per_second']:,}"],
        ["a plain loop over `PIL.Image.open`", f"{result['plain_loop_images_per_second']:,}"],
        [
            f"streaming within {result['streaming_budget']}",
            f"{result['streaming_images_per_second']:,}",
        ],
    ]
    return (
        f"{result['images']:,} PNG files of 32x32:\n\n"
        + table(["what", "images per second"], rows)
        + f"\n\nThe first start is {result['first_start_over_plain_loop']:.2f} times as fast as "
        f"the plain loop. The second start, from the cache, takes "
        f"{result['second_start_seconds']:.1f} s. Streaming holds "
        f"{result['streaming_mb_above_baseline']} MB more than a process that takes one "
        "step of the same network."
    )


def gpu(result: Result) -> str:
    steps = [
        [
            f"`{one['network']}`",
            f"`{one['recipe']}`",
            str(one["batch"]),
            f"{one['recorded_ms']:.2f} ms",
            f"{one['not_recorded_ms']:.2f} ms",
            f"{one['ratio']:.1f}",
        ]
        for one in result["steps"]
    ]
    head = ["network", "recipe", "batch", "recorded", "not recorded", "times as long"]
    times = result["hand_written"]["seconds"]
    hand = (
        "An epoch of `fast-mnist` by convlens, checks and events included: "
        f"{min(times['convlens']):.2f} s; by a hand-written loop over the same images on the GPU: "
        f"{min(times['hand_written']):.2f} s, {result['hand_written']['ratio']:.1f} times as long."
    )
    rows = []
    for name, one in result["recipes"].items():
        reached = accuracy(one["test_accuracy_mean"], one["test_accuracy_std"])
        size, seeds = f"{one['parameters']:,}", str(one["seeds"])
        cells = [f"`{name}`", f"`{one['network']}`", size, one["data"], reached]
        rows.append([*cells, f"{one['seconds_median']:.2f} s", seeds])
    columns = ["recipe", "network", "parameters", "data", "test accuracy", "median", "seeds"]
    return "\n\n".join(
        [
            f"One {result['gpu']}. A training step, batch and average included:",
            table(head, steps),
            hand,
            "The recipes there:",
            table(columns, rows),
        ]
    )


def waiting(result: Result) -> str:
    parts = []
    for number, ways in result["beside"].items():
        networks = list(ways[0]["ms"])
        best = {n: min(one["ms"][n] for one in ways) for n in networks}
        rows = []
        for one in ways:
            times = [f"{one['ms'][n]:.1f} ms" for n in networks]
            worst = max(one["ms"][n] / best[n] for n in networks)
            way = f"`{one['way']}`" if "=" in one["way"] else one["way"]
            rows.append([way, *times, f"{worst:.2f}"])
        head = ["way of waiting", *(f"`{n}`" for n in networks), "times the best, at worst"]
        beside = {"0": "no neighbour", "1": "one neighbour", "2": "two neighbours"}[number]
        parts.append(f"Beside {beside}:\n\n{table(head, rows)}")
    return (
        f"A training step of {result['batch']} images, median of {result['rounds']} rounds. One "
        "way measured twice differed by up to 1.6 on this machine, so smaller differences say "
        "nothing:\n\n" + "\n\n".join(parts)
    )
