"""Space, rockets and birds."""

from __future__ import annotations

import math

import skia

from ..light import Rgb, mix, scale
from ..sky import draw_sky, draw_stars, puff
from ..stage import HEIGHT, WIDTH, Stage, curve, gradient, radial
from ..terrain import distance, hills, water


def _void(stage: Stage) -> None:
    """Black sky with a nebula in the colours of the light."""
    light, rng = stage.light, stage.rng
    b = stage.bright()
    top, low = mix((10, 12, 40), light.top, 0.35 + 0.25 * b), mix((20, 14, 50), light.low, 0.26 + 0.26 * b)
    stage.canvas.drawPaint(gradient((0, 0), (0, HEIGHT), ((0.0, top, 1), (1.0, low, 1))))
    for hue in (light.mid, light.low, light.haze):
        stage.halo(rng.uniform(0, WIDTH), rng.uniform(60, HEIGHT - 60), rng.uniform(120, 220), mix(hue, (120, 80, 200), 0.15), 0.6)
    draw_stars(stage, 130, HEIGHT)


def _globe(stage: Stage, x: float, y: float, r: float, rgb: Rgb, bands: bool) -> None:
    """A planet, lit from the side of the light."""
    canvas = stage.canvas
    stage.halo(x, y, r * 1.5, mix(rgb, (255, 255, 255), 0.3), 0.5)
    canvas.save()
    disc = skia.Path()
    disc.addCircle(x, y, r)
    canvas.clipPath(disc, True)
    stage.fill(disc, rgb)
    if bands:
        for k in range(-4, 5):
            stage.oval(x, y + k * r * 0.24, r * 1.1, r * stage.rng.uniform(0.05, 0.13), scale(rgb, (0.8, 0.78, 0.8)) if k % 2 else mix(rgb, (255, 246, 220), 0.35), 0.75)
    else:
        for _ in range(6):
            px, py = x + stage.rng.uniform(-r, r) * 0.8, y + stage.rng.uniform(-r, r) * 0.8
            stage.fill(curve([(px + r * 0.3 * math.cos(a) * stage.rng.uniform(0.5, 1.2), py + r * 0.2 * math.sin(a) * stage.rng.uniform(0.5, 1.2)) for a in (0, 1, 2.1, 3.1, 4.2, 5.2)]), mix(rgb, (90, 170, 90), 0.6), 0.9)
    s = stage.side
    canvas.drawCircle(x, y, r, radial((x + s * r * 0.55, y - r * 0.5), r * 1.9, ((0.0, (255, 255, 255), 0.25), (0.35, (0, 0, 0), 0.0), (1.0, (2, 2, 18), 0.92))))
    canvas.restore()


def space(stage: Stage) -> None:
    rng = stage.rng
    stage.side = rng.choice((-1.0, 1.0))
    _void(stage)
    hues: tuple[Rgb, ...] = ((222, 150, 90), (90, 150, 220), (196, 110, 150), (120, 190, 170), (210, 190, 150))
    x, y, r = WIDTH * rng.uniform(0.35, 0.65), HEIGHT * rng.uniform(0.36, 0.6), rng.uniform(70, 100)
    rgb = mix(rng.choice(hues), stage.light.low, 0.3)
    ring = rng.random() < 0.6
    tilt = rng.uniform(-25, 25)

    def half(front: bool) -> None:
        stage.canvas.save()
        stage.canvas.translate(x, y)
        stage.canvas.rotate(tilt)
        stage.canvas.clipRect(skia.Rect.MakeLTRB(-r * 3, 0 if front else -r * 3, r * 3, r * 3 if front else 0))
        for k, a in ((1.75, 0.8), (1.55, 0.55), (1.4, 0.7)):
            made = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=r * 0.1)
            made.setColor(skia.Color(*(int(min(255, c)) for c in mix(rgb, (255, 240, 210), 0.5)), int(255 * a)))
            stage.canvas.drawOval(skia.Rect.MakeLTRB(-r * k, -r * k * 0.26, r * k, r * k * 0.26), made)
        stage.canvas.restore()

    if ring:
        half(False)
    _globe(stage, x, y, r, rgb, True)
    if ring:
        half(True)
    for _ in range(rng.randint(1, 3)):
        _globe(stage, rng.uniform(20, WIDTH - 20), rng.choice((rng.uniform(40, 130), rng.uniform(HEIGHT - 140, HEIGHT - 40))), rng.uniform(12, 30), mix(rng.choice(hues), stage.light.mid, 0.2), False)


def moon_surface(stage: Stage) -> None:
    rng = stage.rng
    stage.side = rng.choice((-1.0, 1.0))
    _void(stage)
    h = stage.horizon + 10
    _globe(stage, rng.uniform(70, WIDTH - 70), rng.uniform(100, 170), rng.uniform(52, 68), (60, 130, 220), False)
    dust = mix((190, 190, 198), stage.light.low, 0.42)
    lamp = 0.62 + 0.38 * stage.bright()

    def lit(rgb: Rgb) -> Rgb:
        return scale(rgb, (lamp, lamp, lamp))

    stage.land(stage.ridge(h, 70, 4, 3), lit(scale(dust, (0.62, 0.62, 0.66))), lit(scale(dust, (0.5, 0.5, 0.55))))
    stage.land(stage.ridge(h + 40, 40, 2, 2), lit(scale(dust, (0.82, 0.82, 0.84))), lit(scale(dust, (0.64, 0.64, 0.68))))
    stage.land(stage.ridge(h + 90, 30, 2, 2), lit(dust), lit(scale(dust, (0.66, 0.66, 0.7))))
    for _ in range(13):
        t = rng.random()
        x, y, r = rng.uniform(0, WIDTH), h + 60 + (HEIGHT - h - 60) * t, 7 + 34 * t * rng.uniform(0.4, 1)
        stage.oval(x, y, r, r * 0.32, lit(mix(dust, (255, 255, 255), 0.3)))
        stage.oval(x + stage.side * r * 0.08, y + r * 0.06, r * 0.9, r * 0.26, lit(scale(dust, (0.5, 0.5, 0.56))))
    for _ in range(12):
        x, y, r = rng.uniform(0, WIDTH), rng.uniform(h + 80, HEIGHT), rng.uniform(2, 7)
        stage.oval(x, y, r, r * 0.7, lit(scale(dust, (0.6, 0.6, 0.64))))


def rocket(stage: Stage) -> None:
    draw_sky(stage)
    rng = stage.rng
    distance(stage)
    hills(stage, HEIGHT - 54, 20, (130, 138, 120), 0.1, 2, 2)
    x, top, n = WIDTH / 2 + rng.uniform(-26, 26), rng.uniform(84, 130), rng.uniform(170, 200)
    w = n * 0.16
    foot = top + n
    for k in range(9):
        t = k / 8
        for s in (-1, 1):
            puff(stage, x + s * (6 + 92 * t**1.7) * rng.uniform(0.6, 1), foot + 70 + (HEIGHT - 40 - foot - 70) * min(1, t * 1.15), 16 + 30 * t, stage.tone(mix((244, 236, 230), (255, 190, 110), 0.5 * (1 - t)), 0, 0.2 * (1 - t)), 0.85)
    stage.halo(x, foot + 40, 150, (255, 170, 70), 0.85)
    for length, half, hue in ((130, 0.8, (255, 120, 40)), (96, 0.58, (255, 190, 70)), (58, 0.36, (255, 246, 200))):
        stage.fill(curve([(x - w * half, foot - 2), (x + w * half, foot - 2), (x + w * half * 0.7, foot + length * 0.5), (x, foot + length), (x - w * half * 0.7, foot + length * 0.5)]), hue)
    hue: Rgb = rng.choice(((214, 62, 56), (52, 104, 170), (240, 150, 50)))
    for s in (-1, 1):
        stage.shape([(x + s * w * 0.9, foot - n * 0.34), (x + s * w * 2.1, foot + 8), (x + s * w * 0.7, foot - 8)], stage.tone(scale(hue, (0.8 if s != stage.side else 1,) * 3), 0, 0.15))
    hull = curve([(x, top - 14), (x + w * 0.72, top + n * 0.16), (x + w * 1.1, top + n * 0.45), (x + w * 0.95, foot - 8), (x + w * 0.5, foot + 4), (x - w * 0.5, foot + 4), (x - w * 0.95, foot - 8), (x - w * 1.1, top + n * 0.45), (x - w * 0.72, top + n * 0.16)])
    stage.canvas.save()
    stage.canvas.clipPath(hull, True)
    stage.canvas.drawPaint(gradient((x - w, 0), (x + w, 0), ((0.0, stage.tone((236, 238, 244) if stage.side < 0 else (150, 156, 172), 0, 0.2), 1), (1.0, stage.tone((236, 238, 244) if stage.side > 0 else (150, 156, 172), 0, 0.2), 1))))
    stage.rect(x - w * 2, top - 20, w * 4, n * 0.26 + 14, stage.tone(hue, 0, 0.15))
    stage.rect(x - w * 2, foot - n * 0.16, w * 4, n * 0.07, stage.tone(hue, 0, 0.15))
    stage.canvas.restore()
    stage.disc(x, top + n * 0.42, w * 0.46, stage.tone((90, 98, 116), 0, 0.1))
    stage.disc(x, top + n * 0.42, w * 0.34, stage.tone((130, 206, 236), 0, 0.3))


def birds(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    if rng.random() < 0.5:
        distance(stage)
        hills(stage, HEIGHT - 100, 50, (84, 124, 84), 0.1, 2, 2)
    else:
        water(stage, h + 30, ripples=50)
    ink, shade = stage.tone((250, 250, 252), 0, 0.35), stage.tone((96, 104, 128), 0, 0.1)
    spots = [(WIDTH / 2 + rng.uniform(-30, 30), rng.uniform(170, 230), rng.uniform(78, 92))]
    spots += [(rng.uniform(34, WIDTH - 34), rng.uniform(60, h - 10), rng.uniform(22, 40)) for _ in range(rng.randint(6, 9))]
    stage.backlight(WIDTH / 2, 220, 220)
    with stage.rimmed(0.8):
        for x, y, n in spots:
            _gull(stage, x, y, n, rng.uniform(0.3, 0.6), rng.choice((-1, 1)), ink, shade)


def _gull(stage: Stage, x: float, y: float, n: float, lift: float, s: int, ink: Rgb, shade: Rgb) -> None:
    """A bird with both wings spread, bent at the wrist."""
    for w in (-s, s):
        wing = curve([(x - w * n * 0.1, y + n * 0.02), (x + w * n * 0.2, y - n * lift * 0.9), (x + w * n * 0.52, y - n * lift * 1.1), (x + w * n * 1.15, y - n * lift * 0.1), (x + w * n * 0.6, y - n * lift * 0.55), (x + w * n * 0.16, y + n * 0.16)])
        stage.fill(wing, ink if w == s else mix(ink, shade, 0.45))
        tip = [(x + w * n * 0.66, y - n * lift * 0.78), (x + w * n * 1.02, y - n * lift * 0.2), (x + w * n * 0.68, y - n * lift * 0.56)]
        stage.shape(tip, shade)
    stage.fill(curve([(x - s * n * 0.5, y + n * 0.16), (x - s * n * 0.1, y - n * 0.08), (x + s * n * 0.24, y - n * 0.1), (x + s * n * 0.36, y + n * 0.02), (x + s * n * 0.1, y + n * 0.17)]), ink)
    stage.shape([(x + s * n * 0.33, y - n * 0.04), (x + s * n * 0.46, y + n * 0.03), (x + s * n * 0.32, y + n * 0.05)], stage.tone((246, 176, 56), 0, 0.3))
    stage.shape([(x - s * n * 0.3, y + n * 0.06), (x - s * n * 0.56, y + n * 0.04), (x - s * n * 0.5, y + n * 0.18)], shade)
