"""Land, water and plants that many subjects share."""

from __future__ import annotations

import math

from .light import Rgb, mix, scale
from .stage import HEIGHT, WIDTH, Point, Stage, curve, gradient
from .weather import veil

import skia

GREEN: Rgb = (92, 152, 70)
PINE: Rgb = (34, 84, 62)
ROCK: Rgb = (116, 122, 138)
SAND: Rgb = (232, 200, 140)
WATER: Rgb = (44, 116, 160)
WOOD: Rgb = (122, 82, 54)


def hills(stage: Stage, base: float, height: float, rgb: Rgb, depth: float, knots: int = 2, octaves: int = 2) -> list[Point]:
    """One rolling layer; returns its skyline."""
    top = stage.ridge(base, height, knots, octaves, 0.35)
    ground = stage.ground(rgb)
    stage.land(top, stage.tone(mix(ground, (255, 255, 255), 0.08), depth), stage.tone(scale(ground, (0.72, 0.74, 0.78)), depth * 0.8))
    veil(stage, base, 40, 0.5)
    return top


def peaks(stage: Stage, base: float, height: float, depth: float, count: int, snow: bool = True, rgb: Rgb = ROCK) -> None:
    """A range of faceted mountains: a lit flank, a shaded flank, a cap."""
    rng = stage.rng
    spots = [(i + rng.uniform(0.2, 0.8)) / count for i in range(count)]
    order = sorted(spots, key=lambda _: rng.random())
    for spot in order:
        x = spot * (WIDTH + 60) - 30
        tall = height * rng.uniform(0.6, 1.0)
        half = tall * rng.uniform(0.62, 0.85)
        y = base - tall
        lit = stage.tone(mix(rgb, (255, 245, 225), 0.18), depth)
        dark = stage.tone(scale(rgb, (0.55, 0.58, 0.68)), depth)
        spine = [(x, y), (x + half * 0.1, y + tall * 0.25), (x - half * 0.06, y + tall * 0.5), (x + half * 0.12, y + tall * 0.75), (x, base)]
        left: list[Point] = [(x, y), (x - half * 0.45, y + tall * rng.uniform(0.4, 0.5)), (x - half, base)]
        right: list[Point] = [(x, y), (x + half * 0.45, y + tall * rng.uniform(0.4, 0.5)), (x + half, base)]
        near, far = (right, left) if stage.side > 0 else (left, right)
        stage.shape([*far, *reversed(spine)], dark)
        stage.shape([*near, *reversed(spine)], lit)
        if snow:
            cap = rng.uniform(0.26, 0.38) * (1.5 if stage.weather == "snow" else 1.0)
            w = half * 0.9 * cap * 1.1

            def flank(sign: float) -> list[Point]:
                return [(x, y), (x + sign * w, y + tall * cap), (x + sign * w * 0.6, y + tall * cap * 0.86), (x + sign * w * 0.3, y + tall * cap * 1.15), (x + half * 0.05, y + tall * cap * 0.9)]

            stage.shape(flank(-stage.side), stage.tone((186, 200, 226), depth * 0.8))
            stage.shape(flank(stage.side), stage.tone((250, 250, 255), depth * 0.7))
    veil(stage, base - 20, 60, 0.6)


def pine(stage: Stage, x: float, y: float, h: float, depth: float = 0.0, rgb: Rgb = PINE) -> None:
    """A conifer standing on (x, y)."""
    w = h * 0.36
    stage.rect(x - h * 0.03, y - h * 0.14, h * 0.06, h * 0.15, stage.tone(WOOD, depth))
    lit, dark = stage.tone(mix(rgb, (150, 190, 110), 0.22), depth), stage.tone(scale(rgb, (0.75, 0.78, 0.85)), depth)
    for k in range(3):
        top = y - h + k * h * 0.24
        half = w * (0.5 + 0.25 * k) * 0.72
        low = top + h * (0.34 + 0.04 * k)
        stage.shape([(x, top), (x + half, low), (x - half, low)], dark)
        stage.shape([(x, top), (x + stage.side * half, low), (x, low)], lit)
        if stage.weather == "snow":
            stage.shape([(x, top), (x + half * 0.5, top + (low - top) * 0.5), (x - half * 0.5, top + (low - top) * 0.5)], stage.tone((244, 247, 255), depth))


def leafy(stage: Stage, x: float, y: float, h: float, rgb: Rgb = (84, 140, 60), depth: float = 0.0) -> None:
    """A broad tree standing on (x, y)."""
    rng = stage.rng
    trunk = stage.tone(scale(WOOD, (0.8, 0.8, 0.8)), depth)
    stage.shape([(x - h * 0.05, y), (x - h * 0.025, y - h * 0.5), (x + h * 0.025, y - h * 0.5), (x + h * 0.05, y)], trunk)
    for s in (-1, 1):
        stage.line([(x, y - h * 0.36), (x + s * h * 0.16, y - h * 0.56)], trunk, max(1.0, h * 0.025))
    blobs = [(rng.uniform(-0.24, 0.24) * h, -h * rng.uniform(0.5, 0.82), h * rng.uniform(0.15, 0.22)) for _ in range(7)] + [(0.0, -h * 0.68, h * 0.26)]
    if stage.weather == "snow":
        rgb = mix(rgb, (235, 240, 250), 0.5)
    dark, mid, lit = (stage.tone(scale(rgb, (0.62, 0.66, 0.72)), depth), stage.tone(rgb, depth), stage.tone(mix(rgb, (255, 244, 170), 0.3), depth))
    for dx, dy, r in blobs:
        stage.disc(x + dx, y + dy + r * 0.15, r, dark)
    for dx, dy, r in blobs:
        stage.disc(x + dx + stage.side * r * 0.12, y + dy - r * 0.06, r * 0.82, mid)
    for dx, dy, r in blobs:
        stage.disc(x + dx + stage.side * r * 0.3, y + dy - r * 0.3, r * 0.42, lit, 0.8)


def palm(stage: Stage, x: float, y: float, h: float, lean: float) -> None:
    """A palm standing on (x, y)."""
    top = (x + lean, y - h)
    stage.line([(x, y), (x + lean * 0.25, y - h * 0.5), top], stage.tone((132, 96, 62)), h * 0.055, smooth=True)
    for k in range(7):
        a = math.pi * (0.02 + 0.16 * k) + math.pi
        n = h * 0.46
        tip = (top[0] + n * math.cos(a), top[1] + n * math.sin(a) * 0.55 + n * 0.26)
        middle = (top[0] + n * 0.55 * math.cos(a), top[1] + n * 0.55 * math.sin(a) * 0.8 - n * 0.08)
        leaf = curve([top, (middle[0], middle[1] - n * 0.09), tip, (middle[0], middle[1] + n * 0.09)])
        stage.fill(leaf, stage.tone((46, 122, 66) if k % 2 else (64, 146, 76)))


def grass(stage: Stage, low: float, count: int, rgb: Rgb = GREEN) -> None:
    """Tufts in front, below `low`."""
    rng = stage.rng
    rgb = stage.ground(rgb)
    for _ in range(count):
        x, y = rng.uniform(0, WIDTH), rng.uniform(low, HEIGHT + 6)
        h = 5 + 15 * (y - low) / max(1.0, HEIGHT - low)
        shade = stage.tone(scale(rgb, (0.62, 0.68, 0.62)) if rng.random() < 0.6 else mix(rgb, (220, 230, 120), 0.35))
        stage.shape([(x - h * 0.22, y), (x - h * 0.35, y - h * 0.8), (x, y - h * 0.25), (x + h * 0.1, y - h), (x + h * 0.22, y)], shade)


def blossoms(stage: Stage, low: float, count: int, rgb: Rgb) -> None:
    """Dots of flower colour, larger when nearer."""
    for _ in range(count):
        y = low + (HEIGHT - low) * stage.rng.random() ** 0.8
        t = (y - low) / (HEIGHT - low)
        stage.disc(stage.rng.uniform(0, WIDTH), y, 0.9 + 2.6 * t, stage.tone(rgb if stage.rng.random() < 0.7 else (250, 246, 230)))


def path_to(stage: Stage, rgb: Rgb, x: float, y: float, width: float = 120, bend: float = 40) -> None:
    """A winding way from the lower edge to (x, y)."""
    y1 = (y + HEIGHT) / 2
    way = skia.Path()
    x0 = WIDTH / 2 + stage.rng.uniform(-40, 40)
    way.moveTo(x0 - width / 2, HEIGHT + 4)
    way.cubicTo(x0 - width / 3, y1 + 30, x - bend - 16, y1, x - 2, y)
    way.lineTo(x + 2, y)
    way.cubicTo(x - bend + 22, y1, x0 + width / 3, y1 + 34, x0 + width / 2, HEIGHT + 4)
    way.close()
    stage.ramp(way, y, HEIGHT, stage.tone(stage.ground(rgb), 0.4), stage.tone(stage.ground(rgb)))


def water(stage: Stage, top: float, bottom: float = HEIGHT, rgb: Rgb = WATER, ripples: int = 46) -> None:
    """A plane of water that mirrors the sky and the sun."""
    with stage.apart(5):
        _water(stage, top, bottom, rgb, ripples)


def _water(stage: Stage, top: float, bottom: float, rgb: Rgb, ripples: int) -> None:
    light, rng = stage.light, stage.rng
    far = mix(light.low, stage.tone(rgb), 0.35)
    near = mix(stage.tone(scale(rgb, (0.75, 0.85, 0.95))), light.mid, 0.15)
    stage.canvas.drawRect(skia.Rect.MakeLTRB(0, top, WIDTH, bottom), gradient((0, top), (0, bottom), ((0.0, far, 1), (0.35, mix(far, near, 0.6), 1), (1.0, near, 1))))
    deep, shine = mix(near, (0, 0, 20), 0.22), mix(far, (255, 255, 255), 0.3)
    for _ in range(ripples):
        t = rng.random() ** 1.4
        y = top + 3 + (bottom - top) * t
        w = 6 + 50 * t * rng.uniform(0.5, 1.2)
        x = rng.uniform(-10, WIDTH)
        stage.rect(x, y, w, 0.9 + 2.0 * t, shine if rng.random() < 0.5 else deep, 0.5, round=1)
    if stage.orb and light.orb and light.orb_clear > 0.3:
        x = stage.orb[0]
        for k in range(26):
            t = (k / 26) ** 1.25
            y = top + 2 + (bottom - top) * t
            w = (8 + 34 * t) * rng.uniform(0.5, 1.2)
            stage.rect(x - w + rng.uniform(-5, 5) * (0.4 + t), y, 2 * w, 1.3 + 2.6 * t, mix(light.orb, light.low, 0.2), 0.75 * light.orb_clear * (1 - 0.5 * t), round=1.5)


def person(stage: Stage, x: float, y: float, h: float, rgb: Rgb, seated: bool = False, arm: float = 0.0) -> None:
    """A figure from behind, feet at (x, y)."""
    ink, dark = stage.tone(rgb), stage.tone(scale(rgb, (0.45, 0.45, 0.55)))
    skin = stage.tone((150, 104, 84))
    head = h * 0.062
    for s in (-1, 1):
        stage.shape([(x + s * h * 0.015, y - h * 0.5), (x + s * h * 0.105, y - h * 0.5), (x + s * h * 0.085, y), (x + s * h * 0.025, y)], dark)
        stage.oval(x + s * h * 0.06, y - h * 0.005, h * 0.045, h * 0.018, stage.tone((40, 36, 40)))
    stage.fill(curve([(x - h * 0.13, y - h * 0.83), (x + h * 0.13, y - h * 0.83), (x + h * 0.15, y - h * 0.62), (x + h * 0.11, y - h * 0.44), (x - h * 0.11, y - h * 0.44), (x - h * 0.15, y - h * 0.62)]), ink)
    for s in (-1, 1):
        lift = arm if s > 0 else 0.0
        hand = (x + s * h * (0.17 + 0.05 * lift), y - h * (0.45 + 0.12 * lift))
        stage.line([(x + s * h * 0.12, y - h * 0.78), (x + s * h * 0.165, y - h * 0.62), hand], ink, h * 0.05)
        stage.disc(hand[0], hand[1], h * 0.024, skin)
    stage.rect(x - h * 0.022, y - h * 0.88, h * 0.044, h * 0.07, skin)
    stage.disc(x, y - h * 0.935, head, stage.tone((52, 38, 34)))


def ground_shadow(stage: Stage, x: float, y: float, w: float) -> None:
    """The soft dark foot of something that stands."""
    stage.shadow(x - stage.side * w * 0.25, y, w, w * 0.16, 0.35)


def near_ground(stage: Stage, rgb: Rgb, height: float = 110) -> list[Point]:
    """A plain foreground for a subject to stand on."""
    return hills(stage, HEIGHT - height, 26, rgb, 0.0)


def distance(stage: Stage) -> None:
    """Two hazy layers of hills for subjects that need a far end."""
    hills(stage, stage.horizon + 10, 60, (110, 140, 120), 0.75, 3, 3)
    hills(stage, stage.horizon + 34, 44, (100, 146, 96), 0.45, 2, 3)


def closed(points: list[Point]) -> skia.Path:
    """Shorthand for subjects: a smooth closed shape."""
    return curve(points)
