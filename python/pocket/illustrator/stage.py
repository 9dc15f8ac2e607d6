"""The stage a scene is drawn on: a canvas, a random source, the light, and the strokes that all subjects share."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import skia

from .light import Light, Rgb, mix, scale

WIDTH, HEIGHT = 288, 512
Point = tuple[float, float]


def colour(rgb: Rgb, alpha: float = 1.0) -> int:
    """A skia colour; channels are clamped."""
    r, g, b = (min(255, max(0, int(c))) for c in rgb)
    return skia.Color(r, g, b, min(255, max(0, int(alpha * 255))))


def paint(rgb: Rgb, alpha: float = 1.0, blur: float = 0.0) -> skia.Paint:
    """A filling paint of one colour."""
    made = skia.Paint(AntiAlias=True, Color=colour(rgb, alpha))
    if blur > 0:
        made.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    return made


def gradient(start: Point, end: Point, stops: Sequence[tuple[float, Rgb, float]]) -> skia.Paint:
    """A filling paint that runs through (place, colour, alpha) stops."""
    shader = skia.GradientShader.MakeLinear(
        [skia.Point(*start), skia.Point(*end)],
        [colour(c, a) for _, c, a in stops],
        [p for p, _, _ in stops],
    )
    return skia.Paint(AntiAlias=True, Shader=shader)


def radial(centre: Point, radius: float, stops: Sequence[tuple[float, Rgb, float]]) -> skia.Paint:
    """A filling paint that runs outward from a point."""
    shader = skia.GradientShader.MakeRadial(skia.Point(*centre), max(radius, 0.1), [colour(c, a) for _, c, a in stops], [p for p, _, _ in stops])
    return skia.Paint(AntiAlias=True, Shader=shader)


def polygon(points: Sequence[Point]) -> skia.Path:
    """A closed path through the points."""
    path = skia.Path()
    path.addPoly([skia.Point(float(x), float(y)) for x, y in points], True)
    return path


def curve(points: Sequence[Point], close: bool = True) -> skia.Path:
    """A smooth path through the midpoints of the points."""
    path = skia.Path()
    n = len(points)
    if close:
        first = ((points[-1][0] + points[0][0]) / 2, (points[-1][1] + points[0][1]) / 2)
        path.moveTo(*first)
        for i in range(n):
            a, b = points[i], points[(i + 1) % n]
            path.quadTo(a[0], a[1], (a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        path.close()
        return path
    path.moveTo(*points[0])
    for i in range(1, n - 1):
        a, b = points[i], points[i + 1]
        path.quadTo(a[0], a[1], (a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    path.lineTo(*points[-1])
    return path


class Stage:
    """One picture in the making."""

    def __init__(self, canvas: skia.Canvas, seed: int, light: Light, weather: str, style: str) -> None:
        self.canvas = canvas
        self.seed = seed
        self.rng = rng = random.Random(seed * 7919 + 17)
        self.light = light
        self.weather = weather
        self.style = style
        self.horizon = HEIGHT * rng.uniform(0.54, 0.64)
        self.orb: Point | None = None
        self.flat = style == "minimal"
        self.side = 1.0  # the side the light comes from: 1 right, -1 left

    @contextmanager
    def apart(self, part: int) -> Iterator[None]:
        """Draw with a random source of its own, so that what is drawn here leaves the rest of the layout as it is."""
        kept, self.rng = self.rng, random.Random(self.seed * 104729 + part)
        yield
        self.rng = kept

    # Colour

    def tone(self, rgb: Rgb, depth: float = 0.0, glow: float = 0.0) -> Rgb:
        """The colour `rgb` in this light, `depth` (0 near, 1 far) into the haze; `glow` keeps that part of it unlit."""
        if self.weather == "snow" and glow == 0.0:
            rgb = mix(rgb, (236, 240, 248), 0.22)
        lit = mix(scale(rgb, self.light.tint), rgb, glow)
        return mix(lit, self.light.haze, min(1.0, depth * self.light.haze_strength) * (1.0 - glow * 0.5))

    def ground(self, rgb: Rgb) -> Rgb:
        """Albedo of open ground: snow lies on it when it snows."""
        return mix(rgb, (238, 242, 250), 0.72) if self.weather == "snow" else rgb

    def bright(self) -> float:
        """How bright the light is, 0 to 1."""
        return min(1.0, max(self.light.tint))

    def pick(self, *choices: Rgb) -> Rgb:
        """One of the colours, slightly moved."""
        r, g, b = self.rng.choice(choices)
        j = self.rng.uniform
        return (r + j(-8, 8), g + j(-8, 8), b + j(-8, 8))

    # Strokes

    def fill(self, path: skia.Path, rgb: Rgb, alpha: float = 1.0, blur: float = 0.0) -> None:
        self.canvas.drawPath(path, paint(rgb, alpha, blur))

    def shape(self, points: Sequence[Point], rgb: Rgb, alpha: float = 1.0) -> None:
        self.canvas.drawPath(polygon(points), paint(rgb, alpha))

    def rect(self, x: float, y: float, w: float, h: float, rgb: Rgb, alpha: float = 1.0, round: float = 0.0) -> None:
        box = skia.Rect.MakeXYWH(x, y, w, h)
        if round:
            self.canvas.drawRoundRect(box, round, round, paint(rgb, alpha))
        else:
            self.canvas.drawRect(box, paint(rgb, alpha))

    def disc(self, x: float, y: float, r: float, rgb: Rgb, alpha: float = 1.0, blur: float = 0.0) -> None:
        self.canvas.drawCircle(x, y, r, paint(rgb, alpha, blur))

    def oval(self, x: float, y: float, rx: float, ry: float, rgb: Rgb, alpha: float = 1.0, blur: float = 0.0) -> None:
        self.canvas.drawOval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry), paint(rgb, alpha, blur))

    def line(self, points: Sequence[Point], rgb: Rgb, width: float, alpha: float = 1.0, smooth: bool = False) -> None:
        made = paint(rgb, alpha)
        made.setStyle(skia.Paint.kStroke_Style)
        made.setStrokeWidth(width)
        made.setStrokeCap(skia.Paint.kRound_Cap)
        made.setStrokeJoin(skia.Paint.kRound_Join)
        if smooth and len(points) > 2:
            path = curve(points, close=False)
        else:
            path = skia.Path()
            path.addPoly([skia.Point(float(x), float(y)) for x, y in points], False)
        self.canvas.drawPath(path, made)

    def ramp(self, path: skia.Path, top: float, bottom: float, a: Rgb, b: Rgb, alpha: float = 1.0) -> None:
        """Fill with a vertical gradient from `a` at `top` to `b` at `bottom`."""
        self.canvas.drawPath(path, gradient((0, top), (0, bottom), ((0.0, a, alpha), (1.0, b, alpha))))

    def halo(self, x: float, y: float, r: float, rgb: Rgb, alpha: float) -> None:
        """Light that spreads from a point; it adds."""
        made = radial((x, y), r, ((0.0, rgb, alpha), (0.35, rgb, alpha * 0.4), (1.0, rgb, 0.0)))
        made.setBlendMode(skia.BlendMode.kScreen)
        self.canvas.drawCircle(x, y, r, made)

    @contextmanager
    def rimmed(self, strength: float = 1.0) -> Iterator[None]:
        """Draw a thing apart from what lies behind it: a line of light on the side the light comes from, a soft dark one on the other."""
        light = self.light
        edge = mix(mix(light.low, light.orb or light.haze, 0.4), (255, 255, 255), 0.45)
        night = 1.0 - min(1.0, max(light.tint))
        made = skia.Paint()
        rim = skia.ImageFilters.DropShadow(self.side * 1.6, -1.2, 0.5, 0.5, colour(edge, strength * (0.35 + 1.3 * night)))
        made.setImageFilter(skia.ImageFilters.DropShadow(-self.side * 2, 1.5, 3, 3, colour((10, 14, 34), 0.4 * strength), rim))
        self.canvas.saveLayer(None, made)
        yield
        self.canvas.restore()

    def backlight(self, x: float, y: float, r: float) -> None:
        """Brighter air behind a subject, most where the light is weak."""
        self.halo(x, y, r, mix(self.light.low, self.light.haze, 0.3), 0.3 + 0.55 * (1.0 - min(1.0, max(self.light.tint))))

    def shadow(self, x: float, y: float, rx: float, ry: float, alpha: float = 0.3) -> None:
        self.oval(x, y, rx, ry, scale(self.light.tint, (30, 34, 50)), alpha, blur=max(1.0, ry * 0.5))

    # Lines of land

    def ridge(self, base: float, height: float, knots: int, octaves: int = 3, rough: float = 0.5, step: int = 6) -> list[Point]:
        """A random skyline from left to right, at most `height` above `base`."""
        xs = np.arange(-step, WIDTH + 2 * step, step, dtype=np.float64)
        total = np.zeros_like(xs)
        weight, norm = 1.0, 0.0
        for octave in range(octaves):
            count = knots * 2**octave + 2
            values = np.array([self.rng.random() for _ in range(count)])
            place = (xs + step) / (WIDTH + 3 * step) * (count - 1.001)
            i = place.astype(int)
            f = place - i
            f = f * f * (3 - 2 * f)
            total += weight * (values[i] * (1 - f) + values[i + 1] * f)
            norm += weight
            weight *= rough
        ys = base - height * total / norm
        return list(zip(xs.tolist(), ys.tolist()))

    def land(self, top: Sequence[Point], rgb_top: Rgb, rgb_bottom: Rgb, bottom: float = HEIGHT) -> None:
        """Fill from a skyline down."""
        path = polygon([*top, (WIDTH + 20, bottom), (-20, bottom)])
        high = min(y for _, y in top)
        self.ramp(path, high, min(bottom, high + 170), rgb_top, rgb_bottom)

    @staticmethod
    def height_at(top: Sequence[Point], x: float) -> float:
        """The skyline's y at x."""
        return float(np.interp(x, [p[0] for p in top], [p[1] for p in top]))


def around(x: float, y: float, r: float, n: int, wobble: float, rng: random.Random, squash: float = 1.0) -> list[Point]:
    """Points on a wobbly circle."""
    start = rng.uniform(0, math.tau)
    out = []
    for i in range(n):
        a = start + math.tau * i / n
        q = r * (1 + rng.uniform(-wobble, wobble))
        out.append((x + q * math.cos(a), y + q * math.sin(a) * squash))
    return out
