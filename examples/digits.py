"""Train on 5,000 real handwritten digits, measure once, look at the worst mistakes."""

import convlens

run = convlens.train("fast-batch-norm", data="digits-5k", seed=0)
print(f"test accuracy {run.status['test_accuracy']:.1%} after {run.status['train_seconds']:.1f} s")

evaluation = convlens.evaluate(run)
for mistake in evaluation.mistakes[:5]:
    print(f"image {mistake.index}: a {mistake.label} read as {mistake.predicted}")
print(f"report: {run.folder / 'report.html'}")
