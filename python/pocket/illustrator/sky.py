"""The sky: gradient, sun or moon, stars, aurora and clouds."""

from __future__ import annotations

import math

import skia

from .light import Rgb, mix
from .stage import HEIGHT, WIDTH, Stage, curve, gradient, paint


def draw_sky(stage: Stage, orb: bool = True) -> None:
    """Everything above the horizon."""
    with stage.apart(1):
        _draw_sky(stage, orb)


def _draw_sky(stage: Stage, orb: bool) -> None:
    light, rng = stage.light, stage.rng
    low = stage.horizon * 1.04
    stage.canvas.drawPaint(gradient((0, 0), (0, low), ((0.0, light.top, 1), (0.55, light.mid, 1), (1.0, light.low, 1))))
    if light.stars:
        with stage.apart(3):
            draw_stars(stage, int(90 * light.stars), stage.horizon)
    if light.name == "aurora" and stage.weather in ("clear", "cloudy", "fog", "snow"):
        draw_aurora(stage)
    if orb and light.orb and light.orb_clear > 0:
        draw_orb(stage)
    stage.side = 1.0 if stage.orb is None and rng.random() < 0.5 or stage.orb and stage.orb[0] > WIDTH / 2 else -1.0
    with stage.apart(2):
        draw_clouds(stage)


def draw_stars(stage: Stage, count: int, low: float) -> None:
    rng = stage.rng
    for _ in range(count):
        r = rng.choice((0.6, 0.7, 0.8, 1.0, 1.5))
        y = low * rng.random() ** 1.3
        stage.disc(rng.uniform(0, WIDTH), y, r, (240, 244, 255), rng.uniform(0.4, 1.0) * (1 - 0.5 * y / low))


def draw_orb(stage: Stage) -> None:
    """The sun or the moon."""
    light, rng = stage.light, stage.rng
    assert light.orb is not None
    x = rng.uniform(0.16, 0.84) * WIDTH
    y = stage.horizon * rng.uniform(*light.orb_height)
    r = rng.uniform(20, 30) if not light.moon else rng.uniform(17, 24)
    stage.orb = (x, y)
    warm = light.orb if light.moon else mix(light.orb, light.low, 0.35)
    stage.halo(x, y, 190, warm, 0.55 * light.glow)
    stage.halo(x, y, r * 2.6, light.orb, 0.7 * light.glow)
    alpha = 0.35 + 0.65 * light.orb_clear
    stage.disc(x, y, r, light.orb, alpha)
    if light.moon:
        for dx, dy, q in ((-0.3, -0.2, 0.24), (0.3, 0.25, 0.3), (0.1, -0.45, 0.14), (-0.35, 0.4, 0.13)):
            stage.disc(x + dx * r, y + dy * r, q * r, (206, 210, 206), 0.6 * alpha)


def draw_aurora(stage: Stage) -> None:
    """Curtains of light."""
    rng = stage.rng
    for k in range(rng.choice((2, 3))):
        base = stage.horizon * rng.uniform(0.42, 0.75)
        amp, freq, phase = rng.uniform(24, 50), rng.uniform(0.010, 0.02), rng.uniform(0, 6)
        hue: Rgb = ((70, 255, 150), (60, 235, 190), (160, 110, 240))[k % 3]
        step = 9
        for x in range(-step, WIDTH + step, step):
            y = base + amp * math.sin(x * freq + phase) + 10 * math.sin(x * 0.05 + phase)
            tall = 120 + 50 * math.sin(x * 0.031 + phase * 2)
            a = 0.42 + 0.2 * math.sin(x * 0.09 + phase)
            strip = gradient((0, y - tall), (0, y + 8), ((0.0, mix(hue, (140, 80, 220), 0.5), 0.0), (0.8, hue, a), (1.0, hue, 0.0)))
            strip.setBlendMode(skia.BlendMode.kScreen)
            stage.canvas.drawRect(skia.Rect.MakeXYWH(x, y - tall, step + 1.5, tall + 8), strip)


def cloud(stage: Stage, x: float, y: float, w: float, lit: Rgb, shade: Rgb, alpha: float) -> None:
    """One cumulus: round heads on a flat foot."""
    rng = stage.rng
    heads = rng.randint(4, 6)
    shapes = []
    for i in range(heads):
        t = (i + 0.5) / heads
        r = w * (0.10 + 0.13 * math.sin(math.pi * t)) * rng.uniform(0.85, 1.2)
        shapes.append((x + (t - 0.5) * w * 0.86, y - r * 0.55, r))
    clip = skia.Rect.MakeLTRB(x - w, y - w, x + w, y + w * 0.05)
    stage.canvas.save()
    stage.canvas.clipRect(clip, True)
    stage.canvas.saveLayerAlpha(None, int(255 * alpha))
    stage.rect(x - w * 0.47, y - w * 0.08, w * 0.94, w * 0.13, shade, round=w * 0.06)
    for cx, cy, r in shapes:
        stage.disc(cx, cy, r, shade)
    for cx, cy, r in shapes:
        stage.disc(cx + stage.side * r * 0.14, cy - r * 0.16, r * 0.86, lit)
    stage.canvas.restore()
    stage.canvas.restore()


def draw_clouds(stage: Stage) -> None:
    light, rng, weather = stage.light, stage.rng, stage.weather
    bright = stage.bright()
    white = mix(mix(light.low, (255, 255, 255), 0.6 * bright), light.mid, 0.15)
    under = mix(white, light.mid, 0.55)
    if weather == "clear":
        if stage.flat or light.stars > 0.5:
            return
        for _ in range(rng.randint(0, 3)):
            cloud(stage, rng.uniform(0, WIDTH), stage.horizon * rng.uniform(0.12, 0.7), rng.uniform(50, 120), white, under, 0.75)
    elif weather in ("cloudy", "snow"):
        for k in range(7 if weather == "cloudy" else 4):
            y = stage.horizon * (0.08 + 0.1 * k + rng.uniform(-0.04, 0.04))
            cloud(stage, rng.uniform(-10, WIDTH + 10), y, rng.uniform(110, 210) * (1 - 0.06 * k), white, under, 0.92)
    elif weather in ("rain", "storm"):
        dark = mix(light.top, (0, 0, 0), 0.35 if weather == "storm" else 0.12)
        pale = mix(light.mid, (255, 255, 255), 0.10 if weather == "storm" else 0.2)
        for k in range(5):
            y = 30 + 34 * k
            for _ in range(3 if k < 3 else 2):
                cloud(stage, rng.uniform(-20, WIDTH + 20), y + rng.uniform(-14, 14), rng.uniform(150, 250), mix(pale, dark, 0.55 - 0.1 * k), mix(dark, pale, 0.12 * k), 0.9)
        if weather == "storm":
            lightning(stage)
    elif weather == "fog" and not light.stars:
        stage.canvas.drawRect(skia.Rect.MakeWH(WIDTH, HEIGHT), paint(light.haze, 0.25))


def lightning(stage: Stage) -> None:
    """A forked bolt out of the cloud."""
    rng = stage.rng
    x, y = rng.uniform(50, WIDTH - 50), rng.uniform(110, 150)
    stage.halo(x, y + 40, 170, (190, 200, 255), 0.55)
    points = [(x, y)]
    while y < stage.horizon - 20:
        x += rng.uniform(-20, 20)
        y += rng.uniform(16, 34)
        points.append((x, y))
    stage.line(points, (170, 180, 255), 6, 0.4)
    stage.line(points, (250, 250, 255), 2.4)
    if len(points) > 4:
        bx, by = points[2]
        side = rng.choice((-1, 1))
        stage.line([(bx, by), (bx + side * 22, by + 26), (bx + side * 30, by + 52)], (240, 240, 255), 1.5, 0.9)


def puff(stage: Stage, x: float, y: float, r: float, rgb: Rgb, alpha: float) -> None:
    """A soft ball of smoke or mist."""
    stage.fill(curve([(x + r * math.cos(a), y + 0.8 * r * math.sin(a)) for a in (0, 1.05, 2.1, 3.14, 4.2, 5.25)]), rgb, alpha, blur=r * 0.25)
