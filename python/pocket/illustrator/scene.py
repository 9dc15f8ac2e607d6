"""A scene: what it shows, under which light and weather, in which style; and its picture."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
import skia

from .light import LIGHTS, under
from .stage import HEIGHT, WIDTH, Stage
from .style import STYLES, Picture, apply_style
from .subjects import SUBJECTS
from .weather import draw_weather

_INDOORS = ("room with window", "desk")


@dataclass(frozen=True)
class Scene:
    """Everything that decides a picture."""

    subject: str
    light: str
    weather: str
    style: str
    seed: int

    @staticmethod
    def random(seed: int, subjects: tuple[str, ...], layouts: int = 0) -> Scene:
        """The scene of this seed. With `layouts`, each subject is laid out in only so many ways, under all lights, weathers and styles."""
        rng = random.Random(seed)
        subject = rng.choice(subjects)
        weathers = SUBJECTS[subject].weathers
        weather = "clear" if rng.random() < 0.3 else rng.choice(weathers)
        return Scene(subject, rng.choice(tuple(LIGHTS)), weather, rng.choice(STYLES), rng.randrange(layouts) if layouts else seed)


def render(scene: Scene, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """The scene's picture, (height, width, 3), RGB; the same scene at every size of the stage's shape."""
    pixels = np.zeros((height, width, 4), np.uint8)
    surface = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType)
    canvas = surface.getCanvas()
    canvas.scale(width / WIDTH, height / HEIGHT)
    light = under(LIGHTS[scene.light], scene.weather)
    stage = Stage(canvas, scene.seed, light, scene.weather, scene.style)
    SUBJECTS[scene.subject].draw(stage)
    if scene.subject not in _INDOORS:
        draw_weather(stage)
    surface.flushAndSubmit()
    return apply_style(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), scene.style, scene.seed, height / HEIGHT)
