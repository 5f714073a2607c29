"""Names of classes as labels: what a user wrote, cut to the room there is."""

from __future__ import annotations


def short_name(name: str, most: int = 24) -> str:
    """Return a name without control characters, cut to a length that leaves room to draw.

    >>> short_name("a very long name of a class", 18), short_name("cat", 18)
    ('a very long name …', 'cat')
    """
    name = "".join(letter for letter in name if letter.isprintable())
    return name if len(name) <= most else name[: most - 1] + "…"


def end_of_name(path: str, most: int) -> str:
    """Return the end of a file's name, by which the files of a folder differ.

    >>> end_of_name("cats/photo-00017.png", 11), end_of_name("cats/17.png", 11)
    ('…-00017.png', '17.png')
    """
    name = "".join(letter for letter in path.rpartition("/")[2] if letter.isprintable())
    return name if len(name) <= most else "…" + name[1 - most :]
