"""A training recipe is validated data: every choice of a training, by name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from convlens.foundation.documents import parse_toml
from convlens.foundation.errors import RecipeError, nearest
from convlens.foundation.files import read_file
from convlens.foundation.schema import validate


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number")  # noqa: TRY004 - what pydantic understands
    return value


def _number_field(**bounds: Any) -> Any:
    return Field(allow_inf_nan=False, **bounds)


Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, BeforeValidator(_number)]
MAX_BYTES = 1_000_000
"""Most bytes of a recipe's file."""

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Augmentation(BaseModel):
    """Random changes of each training image, drawn anew every epoch. Zero means none.

    `docs/augmentation.md` says what each is good for and when it harms.
    """

    model_config = _FROZEN

    shift: Number = _number_field(default=0.0, ge=0, le=1)
    """Largest shift on each axis, as a share of the side; the border is repeated."""
    rotate: Number = _number_field(default=0.0, ge=0, le=180)
    """Largest rotation, degrees."""
    scale: Number = _number_field(default=0.0, ge=0, lt=1)
    """Largest change of size: 0.1 draws factors from 0.9 to 1.1."""
    shear: Number = _number_field(default=0.0, ge=0, le=80)
    """Largest shear, degrees."""
    flip: Literal[False, True, "alternating"] = False
    """Mirror left and right with probability one half, or "alternating": every other epoch, from
    a side drawn once an image (never for digits or letters)."""
    area: Number = _number_field(default=0.0, ge=0, le=1)
    """Smallest part of the image's area that is cut out at random and brought to the whole size,
    with sides of up to 4 to 3: 0.35 cuts out 35 to 100%; 0 leaves the image whole."""
    crop: Whole = Field(default=0, ge=0, le=1000)
    """Pixels of padding on each side, out of which the old size is cut at random."""
    padding: Literal["reflect", "zero"] = "reflect"
    """What a crop sees outside of the image: its mirror image, or black."""
    cutout: Number = _number_field(default=0.0, ge=0, le=1)
    """Side of a square that is covered with the mean colour, as a share of the shorter side."""
    erase: Number = _number_field(default=0.0, ge=0, le=1)
    """Probability that a box of 2 to 33% of the image is covered with the mean colour."""
    mixup: Number = _number_field(default=0.0, ge=0, le=100)
    """Alpha of the Beta(alpha, alpha) that weighs an image with another one, labels too."""
    cutmix: Number = _number_field(default=0.0, ge=0, le=100)
    """Alpha of the Beta(alpha, alpha) that sizes a box cut from another image, labels too."""
    brightness: Number = _number_field(default=0.0, ge=0, le=1)
    """Largest change of brightness: 0.2 draws factors from 0.8 to 1.2."""
    contrast: Number = _number_field(default=0.0, ge=0, le=1)
    """Largest change of contrast, a factor too."""
    saturation: Number = _number_field(default=0.0, ge=0, le=1)
    """Largest change of saturation, a factor too; does nothing to grey images."""
    hue: Number = _number_field(default=0.0, ge=0, le=0.5)
    """Largest turn of the hue, 0.5 being half the circle; does nothing to grey images."""

    @property
    def moves(self) -> bool:
        """Whether images are resampled."""
        return bool(self.shift or self.rotate or self.scale or self.shear)

    @property
    def colours(self) -> bool:
        """Whether brightness or colours change."""
        return bool(self.brightness or self.contrast or self.saturation or self.hue)

    @property
    def mixes(self) -> bool:
        """Whether an image is mixed with another one."""
        return bool(self.mixup or self.cutmix)

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        alone = self.flip or self.area or self.crop or self.cutout or self.erase
        return bool(alone or self.moves or self.colours or self.mixes)


class Recipe(BaseModel):
    """Everything that decides how a network is trained.

    Raises
    ------
    RecipeError
        From `Recipe.read`: an unknown key (with the nearest one) or a value out of range.

    Examples
    --------
    >>> Recipe(epochs=3).changed({"learning_rate": 0.01}).learning_rate
    0.01
    """

    model_config = _FROZEN

    epochs: Whole = Field(default=10, ge=1, le=100_000)
    patience: Whole = Field(default=0, ge=0, le=100_000)
    """Stop early after so many epochs without a lower validation loss; 0 trains all epochs."""
    epoch_share: Number = _number_field(default=1.0, gt=0, le=1)
    """Share of the training images that an epoch draws, other ones each time; below 1 where a
    fraction of a large set is enough, or to validate more often."""
    batch_size: Whole = Field(default=128, ge=1, le=1_000_000)
    optimizer: Literal["adam", "adamw", "muon", "sgd"] = "adamw"
    """"muon" moves the filters of convolutions as `training/muon.py` says, the rest as AdamW."""
    learning_rate: Number = _number_field(default=0.003, gt=0, le=100)
    """The peak of the schedule."""
    betas: tuple[
        Annotated[float, Field(ge=0, lt=1)],
        Annotated[float, Field(ge=0, lt=1)],
    ] = (0.9, 0.999)
    """Decay of the running moments of Adam, AdamW and what Muon leaves to AdamW."""
    momentum: Number = _number_field(default=0.9, ge=0, lt=1)
    """Nesterov momentum of SGD and Muon."""
    weight_decay: Number = _number_field(default=0.01, ge=0, le=10)
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    warmup: Number = _number_field(default=0.25, ge=0, lt=1)
    """Share of all steps in which `one_cycle` rises to the peak."""
    label_smoothing: Number = _number_field(default=0.0, ge=0, lt=1)
    ema: Number = _number_field(default=0.0, ge=0, lt=1)
    """Decay of an exponential moving average of the weights, used for evaluation; 0 is off."""
    augmentation: Augmentation = Augmentation()
    freeze: str = Field(default="none", max_length=1000)
    """Layers that keep the weights they start with: "none", "all" but the last linear one, or the
    name of the last that does. They are computed once per image, not once per epoch."""
    head_epochs: Whole = Field(default=0, ge=0, le=100_000)
    """The first so many epochs train the last linear layer alone, which is new; what others have
    trained would only be spoilt while the answers are still random."""
    layer_decay: Number = _number_field(default=1.0, gt=0, le=1)
    """Factor of the learning rate from one layer with filters to the one before it: 0.9 lets the
    first of ten such layers learn at 0.39 of the rate of the last."""
    views: Whole = Field(default=0, ge=0, le=1000)
    """How many times each training image is changed at random and computed by the frozen layers;
    the epochs take turns with them. 0 computes each image once, as it is."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of matrix products and convolutions in training; "auto" takes the one that a
    short measurement finds fastest."""
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    threads: Literal["auto"] | Annotated[int, Field(strict=True, ge=1, le=4096)] = "auto"
    """PyTorch's threads on a CPU, never more than the cores this process may use."""
    evaluation_batch: Literal["auto"] | Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = (
        "auto"
    )
    """Images per batch in validation and test, which keep no gradients."""
    normalise: Literal["train", "unit", "half"] = "train"
    """Mean and std per channel: of the training images, 0 and 1, or 0.5 and 0.5."""
    validation: Number = _number_field(default=0.1, gt=0, lt=1)
    """Share of the training images held out to choose the best epoch."""
    validation_method: Literal["stratified", "last"] = "stratified"
    """"last" holds out the last share as they lie, as Keras's validation_split does."""
    split_seed: Whole = Field(default=0, ge=0, lt=2**32)
    seed: Whole = Field(default=0, ge=0, lt=2**32)
    record_kernels: Whole = Field(default=0, ge=0, le=100_000)
    """Keep the convolutions' weights before training, every so many epochs, and at the end; 0 is
    off. The training itself is the same, bit for bit."""

    @classmethod
    def read(cls, written: object, where: str = "") -> Recipe:
        """Build a recipe from a decoded TOML document."""
        if not isinstance(written, dict):
            raise RecipeError("the recipe is not a table", "keys and values", "see `recipe.toml`")
        if isinstance(written.get("augmentation"), dict):
            inner = validate(
                Augmentation, written["augmentation"], _join(where, "augmentation"), RecipeError
            )
            written = {**written, "augmentation": inner}
        return validate(cls, written, where, RecipeError)

    def changed(self, values: dict[str, Any]) -> Recipe:
        """Return a recipe with some values replaced; dotted keys reach inside augmentation."""
        written = self.model_dump()
        for key, value in values.items():
            table, _, inner = key.rpartition(".")
            if table == "augmentation":
                written["augmentation"][inner] = value
            else:
                written[key] = value
        return Recipe.read(written)

    def to_toml(self) -> str:
        """Write every value, defaults included."""
        import tomlkit

        written = self.model_dump()
        written["betas"] = list(written["betas"])
        written["augmentation"] = written.pop("augmentation")  # tables come last in TOML
        return tomlkit.dumps(written)


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def names() -> list[str]:
    """Return the names of the recipes that come with convlens.

    >>> "digits" in names()
    True
    """
    entries = (entry.name for entry in files(__package__).joinpath("recipes").iterdir())
    return sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml"))


def suiting(data: object) -> str:
    """Return the name of the recipe that suits data, where none is asked for.

    Parameters
    ----------
    data : str, Path, Dataset or arrays
        Whatever a training takes as data.

    Examples
    --------
    >>> suiting("digits-5k"), suiting("my-photos")
    ('digits', 'default')
    """
    source = getattr(data, "source", data)  # a data set knows where it comes from
    is_name = isinstance(source, str | Path)
    return "digits" if is_name and str(source) == "digits-5k" else "default"


def load(reference: str | Path) -> Recipe:
    """Return a recipe by name, or from a `.toml` file.

    Raises
    ------
    RecipeError
        Where there is no such recipe or it is not valid.
    """
    if str(reference) in names():
        text = files(__package__).joinpath("recipes", f"{reference}.toml").read_text("utf-8")
        return Recipe.read(parse_toml(text))
    path = Path(reference)
    if path.suffix != ".toml":
        raise RecipeError(
            f'there is no recipe "{reference}"{nearest(str(reference), names())}',
            "one of " + ", ".join(names()) + ", or the path of a .toml file",
        )
    try:
        text = read_file(path, MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RecipeError(f"{str(reference)!r} cannot be read: {reason}", "a .toml file") from None
    return parse(text, str(reference))


def parse(text: str, where: str) -> Recipe:
    """Read a recipe from TOML text; `where` names it in errors."""
    try:
        written = parse_toml(text)
    except ValueError as error:
        raise RecipeError(f"{where} is not valid TOML: {error}", "keys and values") from None
    return Recipe.read(written)
