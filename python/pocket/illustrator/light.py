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
        Light("dawn", (84, 104, 168), (206, 150, 178), (255, 208, 186), (0.68, 0.62, 0.74), (255, 226, 196), (0.90, 1.0), 0.6, 0, 0.35, (226, 180, 182)),
        Light("morning", (92, 166, 222), (164, 208, 234), (255, 236, 200), (0.93, 0.91, 0.84), (255, 244, 206), (0.55, 0.8), 0.7, 0, 0.0, (222, 226, 220)),
        Light("noon", (28, 112, 206), (92, 172, 236), (196, 230, 248), (1.04, 1.04, 1.0), (255, 252, 228), (0.14, 0.3), 0.5, 0, 0.0, (182, 216, 238)),
        Light("golden hour", (132, 148, 170), (242, 190, 104), (255, 216, 128), (1.0, 0.78, 0.48), (255, 236, 168), (0.6, 0.85), 1.0, 0, 0.15, (250, 204, 122)),
        Light("sunset", (72, 44, 112), (222, 78, 84), (255, 164, 66), (0.62, 0.40, 0.40), (255, 208, 104), (0.9, 1.03), 0.9, 0, 0.5, (238, 116, 80)),
        Light("dusk", (28, 34, 86), (92, 74, 146), (222, 128, 150), (0.42, 0.38, 0.60), None, (0, 0), 0.0, 0.25, 0.7, (140, 98, 152)),
        Light("night", (6, 10, 30), (16, 26, 62), (38, 56, 102), (0.27, 0.32, 0.50), (236, 238, 226), (0.15, 0.55), 0.35, 1.0, 0.85, (34, 50, 92), moon=True),
        Light("aurora", (4, 12, 30), (8, 36, 58), (20, 76, 82), (0.19, 0.35, 0.38), None, (0, 0), 0.0, 0.9, 0.6, (20, 70, 78)),
    )
}

WEATHERS = ("clear", "cloudy", "rain", "snow", "fog", "storm")

# How far each weather pulls the sky to grey, what it multiplies it by, what it does to the ground, how strong the haze gets.
_GREYING: dict[str, tuple[float, float, float, float]] = {
    "clear": (0.0, 1.0, 1.0, 0.75),
    "cloudy": (0.35, 0.95, 0.9, 0.75),
    "rain": (0.55, 0.72, 0.74, 0.85),
    "snow": (0.6, 1.08, 0.95, 0.9),
    "fog": (0.55, 1.0, 0.9, 1.0),
    "storm": (0.6, 0.45, 0.52, 0.75),
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
