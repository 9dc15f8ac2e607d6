"""What falls or hangs between the eye and the scene."""

from __future__ import annotations

import skia

from .light import mix
from .stage import HEIGHT, WIDTH, Stage, gradient, paint


def draw_weather(stage: Stage) -> None:
    """The weather in front of everything."""
    with stage.apart(4):
        _draw_weather(stage)


def _draw_weather(stage: Stage) -> None:
    if stage.weather in ("rain", "storm"):
        _rain(stage)
    elif stage.weather == "snow":
        _snow(stage)
    elif stage.weather == "fog":
        _fog(stage)


def veil(stage: Stage, y: float, height: float, alpha: float) -> None:
    """A bank of mist between two layers; only fog has it."""
    if stage.weather != "fog":
        return
    haze = stage.light.haze
    band = gradient((0, y - height), (0, y + height), ((0.0, haze, 0.0), (0.5, haze, alpha), (1.0, haze, 0.0)))
    stage.canvas.drawRect(skia.Rect.MakeLTRB(0, y - height, WIDTH, y + height), band)


def _rain(stage: Stage) -> None:
    rng = stage.rng
    storm = stage.weather == "storm"
    slant = -0.32 if storm else -0.14
    ink = mix((205, 220, 240), stage.light.haze, 0.25)
    lines = skia.Path()
    for _ in range(85 if storm else 75):
        x, y, n = rng.uniform(-10, WIDTH + 60), rng.uniform(-20, HEIGHT), rng.uniform(22, 44)
        lines.moveTo(x, y)
        lines.lineTo(x + slant * n, y + n)
    made = paint(ink, 0.42 + 0.14 * stage.bright())
    made.setStyle(skia.Paint.kStroke_Style)
    made.setStrokeWidth(1.8)
    stage.canvas.drawPath(lines, made)


def _snow(stage: Stage) -> None:
    rng = stage.rng
    white = mix((255, 255, 255), stage.light.haze, 0.35 * (1 - stage.bright()))
    for _ in range(95):
        near = rng.random()
        r = 1.5 + 3.2 * near**3
        stage.disc(rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), r, white, 0.55 + 0.4 * near)


def _fog(stage: Stage) -> None:
    haze = stage.light.haze
    full = skia.Rect.MakeWH(WIDTH, HEIGHT)
    stage.canvas.drawRect(full, paint(haze, 0.28))
    y = stage.horizon
    stage.canvas.drawRect(full, gradient((0, y - 190), (0, HEIGHT), ((0.0, haze, 0.0), (0.42, haze, 0.6), (0.75, haze, 0.35), (1.0, haze, 0.12))))
    for _ in range(5):
        stage.oval(stage.rng.uniform(0, WIDTH), y + stage.rng.uniform(-50, 120), stage.rng.uniform(90, 180), stage.rng.uniform(9, 20), mix(haze, (255, 255, 255), 0.15), 0.35, blur=9)
