"""Water: seas, shores, rivers and what lives or floats there."""

from __future__ import annotations

import math

import skia

from ..light import Rgb, mix, scale
from ..sky import draw_sky, puff
from ..stage import HEIGHT, WIDTH, Stage, curve, gradient, polygon
from ..terrain import SAND, WOOD, grass, hills, leafy, palm, peaks, pine, water


def _boat(stage: Stage, x: float, y: float, n: float) -> None:
    """A small sailing boat."""
    stage.shape([(x - n * 0.5, y - n * 0.1), (x + n * 0.55, y - n * 0.1), (x + n * 0.36, y + n * 0.1), (x - n * 0.36, y + n * 0.1)], stage.tone((196, 78, 60)))
    stage.rect(x - n * 0.02, y - n * 1.1, n * 0.04, n * 1.0, stage.tone(WOOD))
    stage.shape([(x + n * 0.05, y - n * 1.08), (x + n * 0.5, y - n * 0.2), (x + n * 0.05, y - n * 0.2)], stage.tone((252, 248, 238)))
    stage.shape([(x - n * 0.06, y - n * 0.95), (x - n * 0.4, y - n * 0.2), (x - n * 0.06, y - n * 0.2)], stage.tone((226, 222, 216)))


def _swell(stage: Stage, y: float, size: float, depth: float) -> None:
    """A row of waves with foam."""
    rng = stage.rng
    length = size * 5
    phase = rng.uniform(0, length)
    top = [(x, y - size * abs(math.sin(math.pi * (x + phase) / length)) ** 1.6) for x in range(-8, WIDTH + 12, 6)]
    blue = (34, 100, 142)
    stage.land(top, stage.tone(mix(blue, (150, 210, 214), 0.25), depth), stage.tone(scale(blue, (0.7, 0.75, 0.85)), depth))
    stage.line(top, stage.tone((240, 248, 250), depth * 0.5), max(1.2, size * 0.09), 0.8)


def sea(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    water(stage, h, rgb=(36, 112, 160), ripples=70)
    if rng.random() < 0.2:
        _boat(stage, rng.uniform(60, WIDTH - 60), h + rng.uniform(20, 50), rng.uniform(28, 46))
    rough = {"storm": 34.0, "rain": 24.0}.get(stage.weather, 18.0)
    for k in range(3):
        _swell(stage, h + 100 + 44 * k, rough * (0.7 + 0.35 * k), 0.1 * (2 - k))


def beach(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    water(stage, h, h + 120, rgb=(40, 150, 176), ripples=40)
    side = rng.choice((-1, 1))
    shore = [(x, h + 96 + side * (x - WIDTH / 2) * 0.22 + 6 * math.sin(x * 0.045)) for x in range(-8, WIDTH + 12, 8)]
    sand = stage.ground(SAND)
    stage.land([(x, y - 9) for x, y in shore], stage.tone((246, 250, 250)), stage.tone((246, 250, 250)))
    stage.land(shore, stage.tone(scale(sand, (0.8, 0.78, 0.74))), stage.tone(scale(sand, (0.8, 0.78, 0.74))))
    stage.land([(x, y + 12) for x, y in shore], stage.tone(sand), stage.tone(scale(sand, (0.92, 0.88, 0.82))))
    x = WIDTH / 2 + side * 96
    palm(stage, x, HEIGHT - 70, rng.uniform(210, 270), -side * rng.uniform(24, 60))
    if rng.random() < 0.6:
        ux, uy, hue = WIDTH / 2 - side * 50, HEIGHT - 60, rng.choice(((226, 70, 66), (246, 186, 60), (60, 140, 190)))
        stage.shadow(ux, uy + 4, 44, 8)
        stage.line([(ux, uy), (ux + 6, uy - 84)], stage.tone((240, 236, 226)), 3)
        for k in range(6):
            a, b = math.pi + math.pi * k / 6, math.pi + math.pi * (k + 1) / 6
            stage.shape([(ux + 6, uy - 116), (ux + 6 + 54 * math.cos(a), uy - 74 + 30 * math.sin(a) + 6), (ux + 6 + 54 * math.cos(b), uy - 74 + 30 * math.sin(b) + 6)], stage.tone(hue if k % 2 else (250, 246, 236)))


def lake(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    picture = skia.PictureRecorder()
    real = stage.canvas
    stage.canvas = picture.beginRecording(skia.Rect.MakeWH(WIDTH, HEIGHT))
    stage.canvas.clipRect(skia.Rect.MakeWH(WIDTH, h + 1))
    peaks(stage, h, rng.uniform(110, 160), 0.6, 3)
    hills(stage, h, 36, (70, 118, 84), 0.35, 3, 3)
    for _ in range(16):
        x = rng.uniform(0, WIDTH)
        if abs(x - WIDTH / 2) > 40:
            pine(stage, x, h, rng.uniform(28, 56), 0.2)
    shore = picture.finishRecordingAsPicture()
    stage.canvas = real
    real.drawPicture(shore)
    water(stage, h, rgb=(52, 116, 150), ripples=0)
    real.save()
    real.clipRect(skia.Rect.MakeLTRB(0, h, WIDTH, HEIGHT))
    real.saveLayerAlpha(None, 125)
    real.translate(0, 2 * h)
    real.scale(1, -1)
    real.drawPicture(shore)
    real.restore()
    real.restore()
    for _ in range(26):
        t = rng.random()
        y = h + 4 + (HEIGHT - h) * t
        stage.rect(rng.uniform(-20, WIDTH), y, 20 + 60 * t, 1 + 1.6 * t, mix(stage.light.low, (255, 255, 255), 0.2), 0.35, round=1)
    bank = stage.ridge(HEIGHT - 16, 26, 2)
    stage.land(bank, stage.tone(stage.ground((74, 112, 60))), stage.tone(stage.ground((48, 80, 46))))
    grass(stage, HEIGHT - 34, 26, (84, 122, 60))


def river(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    peaks(stage, h + 8, 100, 0.7, 4, snow=rng.random() < 0.5)
    hills(stage, h + 26, 40, (96, 146, 96), 0.45, 2, 2)
    land = stage.ground((104, 160, 80))
    stage.land([(-20, h + 22), (WIDTH + 20, h + 22)], stage.tone(land, 0.3), stage.tone(scale(land, (0.8, 0.85, 0.8))))
    s = rng.choice((-1, 1))
    y, c = h + 22, WIDTH / 2

    def bank(offset: float) -> list[tuple[float, float]]:
        out = []
        for k in range(13):
            t = k / 12
            x = c + s * 66 * math.sin(t * 5.2) * (0.35 + 0.65 * t) + offset * (4 + 76 * t**1.5)
            out.append((x, y + (HEIGHT + 6 - y) * t))
        return out

    left, right = bank(-1), bank(1)
    shape = polygon([*left, *reversed(right)])
    stage.ramp(shape, y, HEIGHT, mix(stage.light.low, stage.tone((60, 130, 170)), 0.4), mix(stage.light.mid, stage.tone((44, 116, 160)), 0.65))
    for pts in (left, right):
        stage.line(pts, stage.tone(mix(land, (250, 240, 200), 0.4)), 2.5, 0.8)
    for _ in range(16):
        t = rng.uniform(0.1, 1)
        x = c + s * 66 * math.sin(t * 5.2) * (0.35 + 0.65 * t) + rng.uniform(-0.7, 0.7) * 60 * t
        stage.rect(x - 14 * t, y + (HEIGHT - y) * t, 28 * t, 1 + 1.4 * t, mix(stage.light.low, (255, 255, 255), 0.4), 0.5, round=1)
    for side in (-1, 1):
        for k in range(3):
            (pine if k % 2 else leafy)(stage, c + side * rng.uniform(108, 142), y + 50 + 60 * k, 52 + 30 * k)


def waterfall(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    hills(stage, h - 60, 60, (90, 130, 100), 0.6, 3, 3)
    c, w, lip = WIDTH / 2 + rng.uniform(-18, 18), rng.uniform(34, 48), 170.0
    for s in (-1, 1):
        edge = [(c + s * w * 0.9, lip), (c + s * (w + 12), lip + 70), (c + s * (w + 4), lip + 150), (c + s * (w + 22), HEIGHT - 110), (c + s * (w + 18), HEIGHT), (c + s * 300, HEIGHT), (c + s * 300, lip - 40), (c + s * 120, lip - 34), (c + s * 60, lip - 10)]
        rock = (108, 104, 104)
        stage.ramp(polygon(edge), lip, HEIGHT, stage.tone(mix(rock, (255, 240, 220), 0.15 if s == stage.side else 0.0), 0.15), stage.tone(scale(rock, (0.55, 0.58, 0.62))))
        for _ in range(7):
            x, y = c + s * rng.uniform(w + 24, 150), rng.uniform(lip + 10, HEIGHT - 130)
            stage.shape([(x, y), (x + 26, y + 8), (x + 20, y + 44), (x - 8, y + 36)], stage.tone(scale(rock, (0.72, 0.74, 0.78)), 0.1), 0.7)
        for k in range(5):
            x = c + s * (w + 20 + 26 * k)
            pine(stage, x, lip - 4 - k * 5 + rng.uniform(-4, 8), rng.uniform(48, 80), 0.1)
    fall = polygon([(c - w * 0.9, lip - 2), (c + w * 0.9, lip - 2), (c + w + 10, HEIGHT - 96), (c - w - 10, HEIGHT - 96)])
    stage.ramp(fall, lip, HEIGHT - 96, stage.tone((196, 226, 240)), stage.tone((238, 248, 252)))
    for _ in range(22):
        x, y = c + rng.uniform(-w, w) * 0.85, rng.uniform(lip, HEIGHT - 190)
        stage.line([(x, y), (x + (x - c) * 0.08, y + rng.uniform(40, 100))], stage.tone((255, 255, 255)) if rng.random() < 0.6 else stage.tone((140, 190, 214)), rng.uniform(1.4, 3.4), 0.7)
    stage.canvas.save()
    water(stage, HEIGHT - 100, rgb=(60, 150, 160), ripples=26)
    stage.canvas.restore()
    for _ in range(10):
        puff(stage, c + rng.uniform(-w * 1.5, w * 1.5), HEIGHT - 98 + rng.uniform(-10, 10), rng.uniform(14, 28), stage.tone((250, 252, 255)), 0.5)


def lighthouse(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    water(stage, h, rgb=(36, 108, 150), ripples=60)
    s = rng.choice((-1, 1))
    x = WIDTH / 2 + s * rng.uniform(20, 50)
    foot, head = HEIGHT - 170, 150.0
    cliff = [(x - s * 90, HEIGHT - 60), (x - s * 70, foot + 40), (x - s * 44, foot + 4), (x + s * 60, foot - 4), (x + s * 240, foot - 20), (x + s * 260, HEIGHT + 10), (x - s * 130, HEIGHT + 10)]
    rock = (118, 108, 104)
    stage.ramp(polygon(cliff), foot, HEIGHT, stage.tone(rock), stage.tone(scale(rock, (0.5, 0.52, 0.58))))
    stage.shape([(x - s * 44, foot + 4), (x + s * 60, foot - 4), (x + s * 240, foot - 20), (x + s * 240, foot + 8), (x + s * 40, foot + 18), (x - s * 56, foot + 16)], stage.tone(stage.ground((98, 142, 74))))
    for _ in range(9):
        stage.disc(x - s * rng.uniform(60, 130), HEIGHT - rng.uniform(0, 50), rng.uniform(10, 24), stage.tone(scale(rock, (0.6, 0.6, 0.66))))
    if stage.light.lit > 0.3 or stage.weather in ("fog", "storm"):
        for t in (-1, 1):
            ray = polygon([(x, head - 4), (x + t * 330, head - 80), (x + t * 330, head + 52)])
            stage.canvas.drawPath(ray, gradient((x, 0), (x + t * 260, 0), ((0.0, (255, 244, 190), 0.75), (1.0, (255, 244, 190), 0.0))))
    for k in range(6):
        a, b = k / 6, (k + 1) / 6
        wa, wb = 17 + 12 * a, 17 + 12 * b
        ya, yb = head + 16 + (foot - head - 16) * a, head + 16 + (foot - head - 16) * b
        hue = (214, 62, 56) if k % 2 else (248, 246, 240)
        stage.shape([(x - wa, ya), (x + wa, ya), (x + wb, yb), (x - wb, yb)], stage.tone(hue))
        stage.shape([(x - stage.side * wa * 0.25, ya), (x - stage.side * wa, ya), (x - stage.side * wb, yb), (x - stage.side * wb * 0.25, yb)], stage.tone(scale(hue, (0.72, 0.72, 0.78))))
    stage.rect(x - 22, head + 10, 44, 7, stage.tone((60, 62, 72)))
    stage.rect(x - 13, head - 16, 26, 27, mix(stage.tone((190, 220, 230)), (255, 240, 170), stage.light.lit))
    stage.shape([(x - 18, head - 15), (x, head - 40), (x + 18, head - 15)], stage.tone((190, 50, 48)))
    if stage.light.lit > 0.3:
        stage.halo(x, head - 4, 80, (255, 240, 170), 0.9)


def harbour(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    hills(stage, h + 2, 50, (96, 130, 110), 0.6, 3, 3)
    for k in range(9):
        w, n = rng.uniform(22, 34), rng.uniform(26, 60)
        x = k * 33 - 6
        stage.rect(x, h - n, w, n, stage.tone(stage.pick((222, 190, 150), (206, 120, 96), (232, 224, 206), (120, 150, 170)), 0.3))
        stage.shape([(x - 2, h - n), (x + w / 2, h - n - 16), (x + w + 2, h - n)], stage.tone((150, 72, 58), 0.3))
        if rng.random() < stage.light.lit:
            stage.rect(x + w * 0.35, h - n * 0.6, 6, 8, (255, 214, 120))
    water(stage, h, rgb=(40, 110, 146), ripples=60)
    odd = rng.randint(0, 1)
    for k in range(4):
        _boat(stage, WIDTH * (0.28 + 0.44 * ((k + odd) % 2)) + rng.uniform(-24, 24), h + 40 + 38 * k, 64 + 22 * k)
    for k in range(6):
        y = HEIGHT - 66 + 13 * k
        stage.rect(-4, y, 120 + 9 * k, 11, stage.tone(scale(WOOD, (1.2 - 0.05 * k,) * 3)))


def bridge(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    hills(stage, h + 8, 70, (100, 130, 120), 0.7, 3, 3)
    water(stage, h + 8, rgb=(40, 110, 150), ripples=60)
    red = rng.choice(((204, 74, 52), (204, 74, 52), (120, 130, 146)))
    deck = h - 8
    for x, near in ((64.0, 1.0), (WIDTH - 64.0, 1.0)):
        for dx in (-9, 9):
            stage.rect(x + dx - 4, deck - 170, 8, 226, stage.tone(red if dx * stage.side > 0 else scale(red, (0.7, 0.7, 0.72)), 0.1))
        for y in (-160, -110, -60):
            stage.rect(x - 10, deck + y, 20, 7, stage.tone(scale(red, (0.85, 0.85, 0.85)), 0.1))
        stage.rect(x - 20, deck + 52, 40, 18, stage.tone((130, 126, 126), 0.1), round=3)

    def cable(x: float) -> float:
        u = (x - 64) / (WIDTH - 128)
        return deck - 166 + 150 * 4 * u * (1 - u) if 0 <= u <= 1 else deck - 166 + 2.1 * (64 - x if u < 0 else x - WIDTH + 64)

    ink = stage.tone(scale(red, (0.8, 0.8, 0.8)), 0.1)
    for x in range(4, WIDTH, 14):
        y = cable(x)
        if y < deck:
            stage.line([(x, y), (x, deck)], ink, 1.1, 0.9)
    stage.line([(x, min(deck, cable(x))) for x in range(0, WIDTH + 1, 6)], ink, 3.4)
    stage.rect(-4, deck - 3, WIDTH + 8, 13, stage.tone(scale(red, (0.9, 0.9, 0.9)), 0.05))
    stage.rect(-4, deck + 9, WIDTH + 8, 4, stage.tone(scale(red, (0.5, 0.5, 0.55)), 0.05))
    if stage.light.lit > 0.4:
        for x in range(10, WIDTH, 36):
            stage.halo(x, deck - 8, 16, (255, 220, 140), 0.9)
    bank = stage.ridge(HEIGHT - 10, 40, 2)
    stage.land(bank, stage.tone(stage.ground((70, 100, 62))), stage.tone(stage.ground((44, 70, 46))))


def underwater(stage: Stage) -> None:
    rng, light = stage.rng, stage.light
    top = mix(stage.tone((110, 214, 226)), light.low, 0.45)
    stage.canvas.drawPaint(gradient((0, 0), (0, HEIGHT), ((0.0, top, 1), (0.5, mix(stage.tone((26, 122, 170)), light.mid, 0.25), 1), (1.0, mix(stage.tone((14, 62, 112)), light.top, 0.2), 1))))
    for _ in range(6):
        x, w, lean = rng.uniform(-30, WIDTH), rng.uniform(14, 40), rng.uniform(20, 90)
        ray = polygon([(x, -5), (x + w, -5), (x + w * 2.2 + lean, 380), (x + lean - w, 380)])
        stage.canvas.drawPath(ray, gradient((0, 0), (0, 360), ((0.0, mix(top, (255, 255, 255), 0.5), 0.42), (1.0, top, 0.0))))
    floor = stage.ridge(HEIGHT - 30, 40, 2)
    stage.land(floor, stage.tone((190, 176, 130), 0), stage.tone((90, 100, 100), 0))
    for _ in range(7):
        x = rng.uniform(0, WIDTH)
        y, n = HEIGHT - rng.uniform(0, 30), rng.uniform(60, 130)
        sway = rng.uniform(-16, 16)
        stage.line([(x, y), (x + sway, y - n * 0.4), (x - sway, y - n * 0.75), (x + sway * 0.5, y - n)], stage.tone((44, 140, 84)), rng.uniform(4, 8), smooth=True)
    for _ in range(5):
        x, y, hue = rng.uniform(0, WIDTH), HEIGHT - rng.uniform(4, 26), rng.choice(((240, 104, 110), (246, 160, 80), (190, 100, 190)))
        for k in range(5):
            a = math.pi * (0.15 + 0.175 * k)
            n = rng.uniform(24, 44)
            stage.line([(x, y), (x - n * math.cos(a), y - n * math.sin(a))], stage.tone(hue), 7)
            stage.disc(x - n * math.cos(a), y - n * math.sin(a), 5, stage.tone(mix(hue, (255, 255, 255), 0.25)))
    hue = rng.choice(((255, 150, 40), (255, 214, 70), (240, 90, 90)))
    for k in range(rng.randint(6, 10)):
        n = rng.uniform(13, 24) if k > 1 else rng.uniform(32, 46)
        _fish(stage, rng.uniform(30, WIDTH - 30), rng.uniform(110, HEIGHT - 120), n, hue, rng.choice((-1, 1)))
    for _ in range(16):
        x, y, r = rng.uniform(0, WIDTH), rng.uniform(20, HEIGHT - 60), rng.uniform(1.5, 5)
        stage.disc(x, y, r, (225, 248, 255), 0.35)
        stage.disc(x - r * 0.3, y - r * 0.3, r * 0.35, (255, 255, 255), 0.7)


def _fish(stage: Stage, x: float, y: float, n: float, hue: tuple[float, float, float], s: int) -> None:
    body, dark = stage.tone(hue, 0, 0.25), stage.tone(scale(hue, (0.78, 0.7, 0.7)), 0, 0.2)
    stage.shape([(x - s * n * 0.75, y), (x - s * n * 1.35, y - n * 0.46), (x - s * n * 1.2, y), (x - s * n * 1.35, y + n * 0.46)], dark)
    stage.fill(curve([(x - s * n * 0.9, y), (x - s * n * 0.2, y - n * 0.62), (x + s * n * 0.8, y - n * 0.2), (x + s * n * 0.8, y + n * 0.2), (x - s * n * 0.2, y + n * 0.62)]), body)
    stage.shape([(x - s * n * 0.1, y - n * 0.42), (x - s * n * 0.45, y - n * 0.75), (x - s * n * 0.5, y - n * 0.3)], dark)
    stage.line([(x + s * n * 0.12, y - n * 0.36), (x + s * n * 0.06, y + n * 0.36)], stage.tone((255, 250, 240), 0, 0.2), n * 0.12)
    stage.disc(x + s * n * 0.45, y - n * 0.1, n * 0.11, (255, 255, 255))
    stage.disc(x + s * n * 0.48, y - n * 0.1, n * 0.06, (20, 20, 30))


def whale(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    water(stage, h, rgb=(34, 104, 150), ripples=60)
    s = rng.choice((-1, 1))
    x, y, n = WIDTH / 2 - s * rng.uniform(6, 22), h + 66, rng.uniform(1.0, 1.12)
    hide: Rgb = rng.choice(((74, 112, 168), (92, 118, 148), (70, 128, 160)))

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x + s * n * a, y - n * b) for a, b in points]

    stage.backlight(x, y - 70, 210)
    with stage.rimmed():
        tail = stage.tone(scale(hide, (0.86, 0.86, 0.9)))
        stage.fill(curve(at((-52, 0), (-86, 70), (-92, 118), (-80, 122), (-66, 70), (-14, 20))), tail)
        stage.fill(curve(at((-86, 112), (-128, 128), (-146, 158), (-112, 152), (-88, 122))), tail)
        stage.fill(curve(at((-86, 112), (-56, 132), (-40, 164), (-70, 156), (-90, 122))), tail)
        back = curve(at((-84, -14), (-76, 34), (-30, 92), (44, 108), (104, 84), (124, 36), (112, -14)))
        stage.ramp(back, y - n * 108, y, stage.tone(mix(hide, (220, 235, 250), 0.25)), stage.tone(scale(hide, (0.8, 0.82, 0.88))))
        belly = curve(at((-30, -14), (-4, 24), (50, 34), (118, 40), (116, 10), (108, -14)))
        stage.fill(belly, stage.tone((228, 236, 242)))
        for k in range(4):
            stage.line(at((10 + 6 * k, -6), (40 + 5 * k, 8 + 7 * k), (112, 12 + 7 * k)), stage.tone((150, 168, 190)), 1.6, smooth=True)
        stage.disc(*at((84, 56))[0], 5 * n, stage.tone((250, 252, 255)))
        stage.disc(*at((85, 56))[0], 3 * n, (16, 18, 24))
        stage.fill(curve(at((10, 16), (-4, -14), (-30, -26), (-14, 10))), stage.tone(scale(hide, (0.72, 0.72, 0.78))))
    spray = stage.tone((240, 250, 255), 0, 0.4)
    top = at((52, 104))[0]
    for k in range(-3, 4):
        stage.line([top, (top[0] + 8 * k, top[1] - 62 * n + 4 * abs(k)), (top[0] + 21 * k, top[1] - 74 * n + 15 * abs(k))], spray, 4.5, 0.85, smooth=True)
    for k in range(-3, 4):
        stage.disc(top[0] + 22 * k, top[1] - 66 * n + 16 * abs(k), 4.5, spray, 0.9)
    for _ in range(20):
        puff(stage, x + rng.uniform(-104, 124), y + 12 + rng.uniform(-6, 10), rng.uniform(8, 16), stage.tone((244, 250, 252)), 0.8)
    _swell(stage, y + 66, 14, 0.0)
    _swell(stage, y + 116, 18, 0.0)
