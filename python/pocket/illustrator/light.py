"""Times of day: the colours of the sky, the tint of everything under it, and the haze between."""

from __future__ import annotations

from dataclasses import dataclass, replace

Rgb = tuple[float, float, float]


def mix(a: Rgb, b: Rgb, t: float) -> Rgb:
    """Blend `a` towards `b`; `t` is 0 for `a` and 1 for `b`."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def scale(a: Rgb, b: Rgb) -> Rgb:
    """Multiply channel by channel."""
    return (a[0] * b[0], a[1] * b[1], a[2] * b[2])


def grey(a: Rgb) -> Rgb:
    """The grey of the same brightness."""
    y = 0.3 * a[0] + 0.59 * a[1] + 0.11 * a[2]
    return (y, y, y)


@dataclass(frozen=True)
class Light:
    """What a time of day does to a picture."""

    name: str
    top: Rgb
    mid: Rgb
    low: Rgb
    tint: Rgb
    orb: Rgb | None
    orb_height: tuple[float, float]
    glow: float
    stars: float
    lit: float
    haze: Rgb
    haze_strength: float = 0.75
    moon: bool = False
    orb_clear: float = 1.0


LIGHTS: dict[str, Light] = {
    light.name: light
    for light in (
        Light("dawn", (84, 104, 168), (206, 150, 178), (255, 208, 186), (0.82, 0.73, 0.80), (255, 226, 196), (0.90, 1.0), 0.6, 0, 0.35, (226, 180, 182)),
        Light("morning", (92, 166, 222), (164, 208, 234), (255, 236, 200), (0.93, 0.91, 0.84), (255, 244, 206), (0.55, 0.8), 0.7, 0, 0.0, (222, 226, 220)),
        Light("noon", (28, 112, 206), (92, 172, 236), (196, 230, 248), (1.04, 1.04, 1.0), (255, 252, 228), (0.14, 0.3), 0.5, 0, 0.0, (182, 216, 238)),
        Light("golden hour", (132, 148, 170), (242, 190, 104), (255, 216, 128), (1.0, 0.78, 0.48), (255, 236, 168), (0.6, 0.85), 1.0, 0, 0.15, (250, 204, 122)),
        Light("sunset", (88, 48, 122), (230, 84, 82), (255, 176, 74), (0.78, 0.52, 0.47), (255, 208, 104), (0.9, 1.03), 0.9, 0, 0.5, (238, 116, 80)),
        Light("dusk", (52, 50, 124), (128, 92, 176), (244, 150, 172), (0.60, 0.50, 0.78), None, (0, 0), 0.0, 0.25, 0.7, (186, 130, 186)),
        Light("night", (12, 22, 66), (30, 54, 122), (92, 130, 198), (0.40, 0.52, 0.84), (246, 246, 228), (0.15, 0.5), 0.55, 1.0, 0.85, (84, 120, 190), moon=True),
        Light("aurora", (6, 26, 56), (12, 66, 88), (58, 158, 136), (0.32, 0.58, 0.56), None, (0, 0), 0.0, 0.9, 0.6, (54, 144, 130)),
    )
}

WEATHERS = ("clear", "cloudy", "rain", "snow", "fog", "storm")

# How far each weather pulls the sky to grey, what it multiplies it by, what it does to the ground, how strong the haze gets.
_GREYING: dict[str, tuple[float, float, float, float]] = {
    "clear": (0.0, 1.0, 1.0, 0.75),
    "cloudy": (0.35, 0.95, 0.9, 0.75),
    "rain": (0.55, 0.80, 0.82, 0.85),
    "snow": (0.6, 1.08, 0.95, 0.9),
    "fog": (0.55, 1.0, 0.9, 1.0),
    "storm": (0.6, 0.58, 0.68, 0.75),
}


def under(light: Light, weather: str) -> Light:
    """The light as the weather leaves it."""
    pull, dim, ground, haze = _GREYING[weather]

    def sky(colour: Rgb) -> Rgb:
        paled = mix(colour, grey(colour), pull)
        if weather == "snow":
            paled = mix(paled, (224, 228, 236), 0.4 * max(light.tint))
        return scale(paled, (dim, dim, dim * (1.06 if weather in ("rain", "storm") else 1.0)))

    orb_clear = {"clear": 1.0, "cloudy": 0.6, "fog": 0.55}.get(weather, 0.0)
    tint = scale(mix(light.tint, grey(light.tint), pull * 0.6), (ground, ground, ground))
    fog = mix(sky(light.haze), (225, 228, 232), 0.25 * max(light.tint)) if weather in ("fog", "snow") else sky(light.haze)
    return replace(
        light,
        top=sky(light.top),
        mid=sky(light.mid),
        low=sky(light.low),
        tint=tint,
        glow=light.glow * orb_clear,
        orb_clear=orb_clear,
        stars=light.stars * {"clear": 1.0, "cloudy": 0.4}.get(weather, 0.0),
        haze=fog,
        haze_strength=haze,
    )
