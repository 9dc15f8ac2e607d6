"""The eight looks: a colour treatment, a texture and a line for each."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

STYLES = ("cinematic", "watercolor", "anime", "noir", "neon", "documentary", "minimal", "vintage")


def _curve(points: list[tuple[float, float]]) -> NDArray[np.uint8]:
    xs, ys = zip(*points)
    return np.clip(np.interp(np.arange(256), xs, ys), 0, 255).astype(np.uint8)


@lru_cache(maxsize=64)
def _ramp(name: str) -> NDArray[np.uint8]:
    """Colour by brightness, (256, 1, 3)."""
    stops = {
        "neon": [(0, (14, 6, 46)), (50, (54, 12, 116)), (100, (150, 24, 170)), (160, (255, 56, 156)), (210, (80, 220, 255)), (255, (235, 255, 255))],
        "vintage": [(0, (54, 38, 34)), (80, (122, 86, 62)), (150, (198, 156, 108)), (210, (236, 208, 158)), (255, (252, 238, 206))],
    }[name]
    xs = [s for s, _ in stops]
    return np.stack([np.interp(np.arange(256), xs, [c[k] for _, c in stops]) for k in range(3)], -1).astype(np.uint8)[:, None]


@lru_cache(maxsize=8)
def _vignette(height: int, width: int, power: float) -> NDArray[np.float32]:
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    return (1 - power * np.clip((x * x * 0.6 + y * y * 0.75), 0, 1.4) ** 1.5)[..., None].astype(np.float32)


def _saturate(picture: Picture, amount: float) -> Picture:
    """Push colours from (or to) their grey."""
    k = np.array((0.3, 0.59, 0.11)) * (1 - amount)
    matrix = np.eye(3) * amount + np.tile(k, (3, 1))
    return cv2.transform(picture, matrix)


def _grey(picture: Picture) -> Picture:
    return cv2.transform(picture, np.array([[0.3, 0.59, 0.11]]))


def _edges(picture: Picture, gain: float, unit: float) -> NDArray[np.float32]:
    """How much of an edge each place is, 0 to 1."""
    g = cv2.GaussianBlur(_grey(picture), (0, 0), 0.8 * unit)
    gx, gy = cv2.Sobel(g, cv2.CV_32F, 1, 0), cv2.Sobel(g, cv2.CV_32F, 0, 1)
    return np.clip((np.abs(gx) + np.abs(gy)) * (gain * unit / 255) - 0.25, 0, 1)


def _noise(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> NDArray[np.float32]:
    small = rng.standard_normal((int(shape[0] // cell) + 2, int(shape[1] // cell) + 2)).astype(np.float32)
    return cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def apply_style(picture: Picture, style: str, seed: int, unit: float = 1.0) -> Picture:
    """The picture in one of `STYLES`; `unit` pixels of it are one of the stage, so that a larger picture of a scene has the same look."""
    rng = np.random.default_rng(seed)
    return _TREATMENTS[style](picture, rng, unit)


def _cinematic(picture: Picture, rng: np.random.Generator, unit: float) -> Picture:
    tone = [_curve([(0, 0), (64, 56), (128, 138), (200, 226), (255, 255)]), _curve([(0, 4), (64, 62), (128, 132), (255, 250)]), _curve([(0, 22), (64, 80), (128, 130), (255, 230)])]
    graded = cv2.merge([cv2.LUT(c, t) for c, t in zip(cv2.split(picture), tone)])
    small = cv2.resize(graded, None, fx=0.25 / unit, fy=0.25 / unit, interpolation=cv2.INTER_AREA)
    bloom = cv2.resize(cv2.GaussianBlur(cv2.subtract(small, 150), (0, 0), 6), (picture.shape[1], picture.shape[0]))
    graded = cv2.add(graded, bloom)
    return np.clip(graded * _vignette(*picture.shape[:2], 0.2), 0, 255).astype(np.uint8)


def _watercolor(picture: Picture, rng: np.random.Generator, unit: float) -> Picture:
    h, w = picture.shape[:2]
    soft = cv2.bilateralFilter(picture, 2 * round(2 * unit) + 1, 60, 5 * unit)
    dx, dy = _noise(rng, (h, w), 16 * unit) * 1.5 * unit, _noise(rng, (h, w), 16 * unit) * 1.5 * unit
    gx, gy = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    soft = cv2.remap(soft, gx + dx, gy + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    pigment = 6 * _noise(rng, (h, w), 26 * unit) + 3 * _noise(rng, (h, w), 9 * unit)
    wash = soft.astype(np.float32)
    pale = 255 - (255 - wash) * 0.82 + pigment[..., None] * (0.25 + wash * (255 - wash) / 16256)
    pale *= 1 - 0.34 * _edges(soft, 0.9, unit)[..., None]
    y, x = np.abs(np.linspace(-1, 1, h, dtype=np.float32))[:, None], np.abs(np.linspace(-1, 1, w, dtype=np.float32))[None]
    edge = np.maximum(y**9 * 1.06, x**7 * 1.02) + 0.09 * _noise(rng, (h, w), 22 * unit)
    paper = np.clip((edge - 0.62) * 7, 0, 1)[..., None]
    return np.clip(pale * (1 - paper) + np.array((250, 247, 240), np.float32) * paper, 0, 255).astype(np.uint8)


def _anime(picture: Picture, rng: np.random.Generator, unit: float) -> Picture:
    vivid = _saturate(picture, 1.45)
    vivid = cv2.LUT(vivid, _curve([(0, 8), (60, 70), (128, 152), (200, 226), (255, 255)]))
    line = _edges(picture, 1.5, unit)[..., None] * 0.78
    return (vivid * (1 - line) + np.array((34, 24, 58), np.float32) * line).astype(np.uint8)


def _noir(picture: Picture, rng: np.random.Generator, unit: float) -> Picture:
    g = cv2.LUT(_grey(picture), _curve([(0, 0), (40, 22), (96, 92), (150, 186), (200, 236), (255, 255)]))
    g = g[..., None] * _vignette(*picture.shape[:2], 0.28)
    return np.repeat(np.clip(g, 0, 255), 3, axis=2).astype(np.uint8)


def _neon(picture: Picture, rng: np.random.Generator, unit: float) -> Picture:
    g = _grey(picture)
    dark = cv2.LUT(cv2.merge([cv2.LUT(g, _curve([(0, 0), (128, 96), (200, 165), (255, 220)]))] * 3), _ramp("neon").reshape(1, 256, 3))
    tint = _saturate(picture, 1.6)
    dark = cv2.addWeighted(dark, 0.8, tint, 0.2, 0)
    e = _edges(picture, 1.3, unit)
    hue = np.linspace(0, 1, picture.shape[0], dtype=np.float32)[:, None, None]
    ink = np.array((40, 240, 255), np.float32) * (1 - hue) + np.array((255, 60, 200), np.float32) * hue
    small = cv2.resize(e, None, fx=0.5 / unit, fy=0.5 / unit, interpolation=cv2.INTER_AREA)
    glow = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3), (e.shape[1], e.shape[0]))
    return np.clip(dark + ink * (0.85 * e + 0.8 * glow)[..., None], 0, 255).astype(np.uint8)


def _documentary(picture: Picture, rng: np.random.Generator, unit: float) -> Picture:
    plain = _saturate(picture, 0.8)
    return cv2.LUT(plain, _curve([(0, 6), (64, 62), (128, 132), (200, 208), (255, 252)]))


def _minimal(picture: Picture, rng: np.random.Generator, unit: float) -> Picture:
    small = cv2.medianBlur(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 2 * round(4.5 * unit - 0.5) + 1)
    flat = cv2.resize(small, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_CUBIC)
    flat = cv2.GaussianBlur(flat, (0, 0), 1.0)
    levels = np.arange(256, dtype=np.float32)
    step = 255 / 7
    posterised = (np.floor(levels / step) + np.clip((levels / step % 1 - 0.5) * 5 + 0.5, 0, 1)) * step
    brightness = _grey(flat).astype(np.float32)
    gain = np.interp(brightness, levels, posterised).astype(np.float32) / np.maximum(brightness, 8)
    flat = np.clip(flat * gain[..., None], 0, 255).astype(np.uint8)
    return cv2.LUT(_saturate(flat, 0.8), _curve([(0, 70), (128, 170), (255, 255)]))


def _vintage(picture: Picture, rng: np.random.Generator, unit: float) -> Picture:
    sepia = cv2.LUT(cv2.merge([_grey(picture)] * 3), _ramp("vintage").reshape(1, 256, 3))
    aged = cv2.addWeighted(sepia, 0.68, picture, 0.32, 0).astype(np.float32)
    aged *= _vignette(*picture.shape[:2], 0.2)
    aged += _noise(rng, picture.shape[:2], 2 * unit)[..., None] * 4
    return np.clip(aged, 0, 255).astype(np.uint8)


_TREATMENTS = {
    "cinematic": _cinematic,
    "watercolor": _watercolor,
    "anime": _anime,
    "noir": _noir,
    "neon": _neon,
    "documentary": _documentary,
    "minimal": _minimal,
    "vintage": _vintage,
}
