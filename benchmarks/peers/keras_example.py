"""Keras's "Simple MNIST convnet" on TensorFlow: batch 128, Adam, 15 epochs, validation split 0.1.

keras.io/examples/vision/mnist_convnet: two 3x3 convolutions, two poolings, dropout 0.5, a dense
softmax. Its validation after each epoch is not counted; the tracing of its graph is, because every
user waits for it.
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers
from mnist_of_a_peer import Arguments, Clock


class Timed(keras.callbacks.Callback):
    def __init__(self, clock, x_test, y_test):
        super().__init__()
        self.clock, self.x_test, self.y_test = clock, x_test, y_test

    def on_epoch_begin(self, epoch, logs=None):
        self.clock.start()

    def on_test_begin(self, logs=None):
        self.clock.stop()

    def on_epoch_end(self, epoch, logs=None):
        def accuracy():
            probabilities = self.model.predict(self.x_test, batch_size=128, verbose=0)
            return float((probabilities.argmax(1) == self.y_test).mean())

        if not self.clock.report(accuracy):
            self.model.stop_training = True


def main():
    args = Arguments(epochs=15)
    keras.utils.set_random_seed(args.seed)
    x_train = np.expand_dims(args.images.astype("float32") / 255, -1)
    x_test = np.expand_dims(args.test_images.astype("float32") / 255, -1)
    y_train = keras.utils.to_categorical(args.labels, 10)
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(
        x_train,
        y_train,
        batch_size=128,
        epochs=args.epochs,
        validation_split=0.1,
        callbacks=[Timed(Clock(args.budget), x_test, args.test_labels)],
        verbose=0,
    )


if __name__ == "__main__":
    main()
