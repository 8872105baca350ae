"""Makes images up: 28 x 28 grey values with or without a bright spot. They show nobody, and no doctor ever read them.

Two sites with two scanners: the one at Harbour Clinic is brighter and noisier. Of each image the table keeps the mean
of every 4 x 4 block, 49 numbers; the images themselves lie beside it.
"""

from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["FEATURES", "SITES", "TARGET", "drawing", "patients", "write"]

SIZE, BLOCK = 28, 4
FEATURES = [f"block_{row}{column}" for row in range(7) for column in range(7)]
TARGET = "lesion"
#: Site -> brightness, contrast and noise of its scanner.
SITES = {"hill": (0.0, 1.0, 0.10), "harbour": (0.15, 0.8, 0.16)}
Images = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def _image(draw: np.random.Generator, site: str, lesion: bool) -> Images:
    """A round body on a dark ground, a spot in it where there is a lesion, as this site's scanner shows it."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    image = 0.5 * ((x - 13.5) ** 2 + (y - 13.5) ** 2 < 12.0**2)
    if lesion:
        turn, away = draw.uniform(0, 2 * np.pi), draw.uniform(2, 8)
        spot = (x - 13.5 - away * np.cos(turn)) ** 2 + (y - 13.5 - away * np.sin(turn)) ** 2
        image = image + 0.45 * np.exp(-spot / 6.0)
    brightness, contrast, noise = SITES[site]
    return brightness + contrast * image + draw.normal(0, noise, (SIZE, SIZE))


def patients(seed: int, counts: dict[tuple[str, str], int]) -> tuple[pd.DataFrame, Images]:
    """So many patients of each site and sex, half of them with a lesion: the table, and their images."""
    draw = np.random.default_rng(seed)
    people = [(site, sex, place % 2) for (site, sex), count in counts.items() for place in range(count)]
    images = np.stack([_image(draw, site, bool(lesion)) for site, _, lesion in people])
    blocks = images.reshape(len(people), 7, BLOCK, 7, BLOCK).mean(axis=(2, 4)).reshape(len(people), 49)
    frame = pd.DataFrame(np.round(blocks, 4), columns=FEATURES)
    return frame.assign(**dict(zip(("site", "sex", TARGET), zip(*people, strict=True), strict=True))), images


def drawing(image: Images) -> str:
    """An image in letters, every second row and column."""
    shades = " .:-=+*#%@"
    places = np.clip((image[::2, ::2] * 10).astype(int), 0, 9)
    return "\n".join("".join(shades[place] * 2 for place in row) for row in places)


def write(drawn: tuple[pd.DataFrame, Images], place: str) -> Path:
    """Write the table, each number in one fixed way, and the images beside it."""
    frame, images = drawn
    path = Path(place)
    np.savez_compressed(path.with_suffix(".npz"), images=images.astype(np.float32))
    path.write_bytes(frame.to_csv(index=False, float_format="%.4f", lineterminator="\n").encode())
    return path
