"""What people build: cities, streets, houses, rooms."""

from __future__ import annotations

import math
import random

import skia

from ..light import Rgb, mix, scale
from ..sky import draw_sky, puff
from ..stage import HEIGHT, WIDTH, Stage, colour, curve, gradient, polygon
from ..terrain import distance, grass, hills, leafy, path_to, peaks, pine
from ..weather import draw_weather

LAMP: Rgb = (255, 212, 122)


def _tower(stage: Stage, x: float, y: float, w: float, bottom: float, rgb: Rgb, depth: float, windows: float = 6.0) -> None:
    """One block of flats with windows."""
    rng = stage.rng
    face = stage.tone(rgb, depth)
    stage.ramp(polygon([(x, y), (x + w, y), (x + w, bottom), (x, bottom)]), y, bottom, face, mix(face, stage.light.haze, 0.25))
    edge = x + w * 0.72 if stage.side < 0 else x
    stage.rect(edge, y, w * 0.28, bottom - y, stage.tone(scale(rgb, (0.7, 0.7, 0.75)), depth), 0.8)
    if rng.random() < 0.3:
        stage.rect(x + w * 0.48, y - 18, 1.6, 18, face)
    rng = random.Random(rng.getrandbits(32))
    if windows <= 0 or stage.flat and depth > 0.3:
        return
    dark = stage.tone(scale(rgb, (0.55, 0.6, 0.7)), depth)
    pane = windows * 0.5
    lit = stage.light.lit
    yy = y + windows
    while yy < min(bottom, HEIGHT) - windows:
        xx = x + windows * 0.5
        while xx < x + w - pane:
            if rng.random() < lit * 0.6:
                stage.rect(xx, yy, pane, pane * 1.3, mix(LAMP, stage.light.haze, depth * 0.4))
            elif rng.random() < 0.7:
                stage.rect(xx, yy, pane, pane * 1.3, dark)
            xx += windows
        yy += windows * 1.35


def city(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    hues: tuple[Rgb, ...] = ((112, 136, 184), (160, 160, 178), (196, 158, 134), (92, 120, 164))
    for k in range(3):
        depth = (0.8, 0.42, 0.02)[k]
        base = h + (20, 50, HEIGHT - h)[k]
        x = -10.0
        while x < WIDTH:
            w = rng.uniform(34, 54) * (0.8, 1.0, 1.25)[k]
            shape = math.sin(math.pi * min(1.0, max(0.0, (x + w / 2) / WIDTH)))
            tall = (130, 160, 100)[k] * rng.uniform(0.4, 1.0) + (90, 90, 10)[k] * shape
            y = (h + 40, h + 60, h + 110)[k] - tall
            _tower(stage, x, y, w, HEIGHT, stage.pick(*hues), depth, (0, 10.0, 13.0)[k])
            if k == 1 and rng.random() < 0.2:
                stage.shape([(x + w * 0.2, y), (x + w * 0.5, y - 44), (x + w * 0.8, y)], stage.tone(hues[0], depth))
            x += w + rng.uniform(-3, 3)
        if stage.weather == "fog":
            stage.canvas.drawRect(skia.Rect.MakeLTRB(0, base - 90, WIDTH, base + 40), gradient((0, base - 90), (0, base + 40), ((0.0, stage.light.haze, 0.0), (1.0, stage.light.haze, 0.6))))


def street(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    vx = WIDTH / 2 + rng.uniform(-22, 22)
    hues: tuple[Rgb, ...] = ((196, 120, 92), (214, 184, 140), (150, 160, 176), (176, 142, 120), (120, 140, 130))
    for k in range(4):
        t0, t1 = (0.08, 0.2, 0.42, 0.8)[k], (0.2, 0.42, 0.8, 1.5)[k]
        depth = (0.6, 0.4, 0.2, 0.05)[k]
        for s in (-1, 1):
            tall = rng.uniform(230, 330)
            rgb = stage.pick(*hues)
            xa, xb = vx + s * 150 * t0, vx + s * 150 * t1

            def at(t: float, v: float) -> tuple[float, float]:
                return (vx + s * 150 * t, h + 150 * t - v * tall * t * 1.35)

            shade = 0.72 if s == stage.side else 1.0
            stage.shape([at(t0, 0), at(t0, 1), at(t1, 1), at(t1, 0)], stage.tone(scale(rgb, (shade, shade, shade)), depth))
            cols, windows = 3, random.Random(rng.getrandbits(32))
            for c in range(cols):
                ta, tb = t0 + (t1 - t0) * (c + 0.25) / cols, t0 + (t1 - t0) * (c + 0.75) / cols
                for r in range(5):
                    va, vb = (r + 0.35) / 5.4, (r + 0.85) / 5.4
                    on = windows.random() < stage.light.lit * 0.6 or (r == 0 and stage.light.lit > 0.3)
                    stage.shape([at(ta, va), at(ta, vb), at(tb, vb), at(tb, va)], mix(LAMP, stage.light.haze, depth * 0.3) if on else stage.tone(scale(rgb, (0.5, 0.55, 0.65)), depth))
    stage.ramp(polygon([(vx - 12, h + 12), (vx + 12, h + 12), (WIDTH / 2 + 260, HEIGHT), (WIDTH / 2 - 260, HEIGHT)]), h, HEIGHT, stage.tone(stage.ground((150, 146, 144)), 0.5), stage.tone(stage.ground((150, 144, 140))))
    wet = stage.weather in ("rain", "storm")
    tarmac = stage.ground((84, 86, 96))
    stage.ramp(polygon([(vx - 6, h + 10), (vx + 6, h + 10), (WIDTH / 2 + 150, HEIGHT), (WIDTH / 2 - 150, HEIGHT)]), h, HEIGHT, stage.tone(tarmac, 0.4), mix(stage.tone(scale(tarmac, (0.8, 0.8, 0.85))), stage.light.mid, 0.4 if wet else 0.0))
    for k in range(1, 7):
        a, b = (k / 7) ** 2, ((k + 0.45) / 7) ** 2
        ya, yb = h + 10 + (HEIGHT - h) * a, h + 10 + (HEIGHT - h) * b
        xa, xb = vx + (WIDTH / 2 - vx) * a, vx + (WIDTH / 2 - vx) * b
        stage.shape([(xa - 3 * a, ya), (xa + 3 * a, ya), (xb + 3 * b, yb), (xb - 3 * b, yb)], stage.tone((240, 236, 220)))
    for t in (0.22, 0.42, 0.8):
        for s in (-1, 1):
            x, y, n = vx + s * 108 * t, h + 128 * t, 150 * t
            ink = stage.tone((44, 46, 56), 0.3 * (1 - t))
            stage.line([(x, y), (x, y - n), (x - s * n * 0.16, y - n * 1.06)], ink, 1 + 3 * t)
            stage.disc(x - s * n * 0.18, y - n * 1.04, 1.5 + 4.5 * t, LAMP if stage.light.lit > 0.2 else stage.tone((240, 240, 230)))
            if stage.light.lit > 0.2:
                stage.halo(x - s * n * 0.18, y - n * 1.04, 60 * t, LAMP, 0.85)


def house(stage: Stage) -> None:
    draw_sky(stage)
    rng = stage.rng
    distance(stage)
    hills(stage, HEIGHT - 130, 24, (112, 166, 80), 0.0, 1, 2)
    x, y, w, n = WIDTH / 2 + rng.uniform(-24, 24), HEIGHT - 96, rng.uniform(64, 78), rng.uniform(78, 94)
    wall: Rgb = rng.choice(((238, 224, 198), (206, 122, 96), (170, 190, 196)))
    roof: Rgb = rng.choice(((166, 66, 54), (92, 74, 84), (120, 82, 58)))
    for s in (-1, 1):
        leafy(stage, x + s * rng.uniform(104, 128), y + 4, rng.uniform(100, 150))
    stage.shadow(x, y + 4, w * 1.3, 10)
    stage.rect(x + w * 0.4, y - n * 1.84, w * 0.22, n * 0.5, stage.tone((150, 92, 78)))
    if stage.light.name not in ("noon",):
        for k in range(5):
            puff(stage, x + w * 0.5 + k * 7, y - n * 1.95 - k * 17, 7 + 3.4 * k, stage.tone((226, 226, 232)), 0.4 - 0.06 * k)
    stage.rect(x - w, y - n, 2 * w, n, stage.tone(wall))
    stage.rect(x - w if stage.side > 0 else x + w * 0.4, y - n, w * 0.6, n, stage.tone(scale(wall, (0.82, 0.82, 0.86))))
    stage.shape([(x - w * 1.18, y - n + 4), (x - w * 0.62, y - n * 1.78), (x + w * 0.62, y - n * 1.78), (x + w * 1.18, y - n + 4)], stage.tone(stage.ground(roof) if stage.weather == "snow" else roof))
    for k in range(1, 4):
        yy = y - n - n * 0.78 * k / 4
        inset = w * (1.18 - 0.56 * k / 4)
        stage.line([(x - inset, yy), (x + inset, yy)], stage.tone(scale(roof, (0.75, 0.75, 0.75))), 1.4, 0.7)
    stage.rect(x - w * 0.16, y - n * 0.56, w * 0.32, n * 0.56, stage.tone((110, 66, 50)))
    stage.disc(x + w * 0.1, y - n * 0.26, 1.8, stage.tone((240, 210, 120)))
    on = stage.light.lit > 0.2
    for dx in (-0.62, 0.62):
        px, py, q = x + dx * w - w * 0.2, y - n * 0.72, w * 0.4
        stage.rect(px - 3, py - 3, q + 6, q + 6, stage.tone((250, 248, 240)))
        stage.rect(px, py, q, q, LAMP if on else stage.tone((96, 132, 160)))
        stage.line([(px + q / 2, py), (px + q / 2, py + q)], stage.tone((250, 248, 240)), 2)
        stage.line([(px, py + q / 2), (px + q, py + q / 2)], stage.tone((250, 248, 240)), 2)
        if on:
            stage.halo(px + q / 2, py + q / 2, 60, LAMP, 0.6)
    path = polygon([(x - w * 0.16, y), (x + w * 0.16, y), (x + w * 0.7, HEIGHT), (x - w * 0.7, HEIGHT)])
    stage.ramp(path, y, HEIGHT, stage.tone(stage.ground((206, 184, 148))), stage.tone(stage.ground((190, 166, 130))))
    for k in range(9):
        px = 8 + k * 34
        if abs(px - x) > w * 0.6:
            stage.rect(px - 3, HEIGHT - 62, 6, 44, stage.tone((246, 244, 238)), round=2)
    for yy in (HEIGHT - 52, HEIGHT - 34):
        stage.rect(0, yy, max(0.0, x - w * 0.62), 5, stage.tone((240, 238, 232)))
        stage.rect(x + w * 0.62, yy, WIDTH, 5, stage.tone((240, 238, 232)))


def castle(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    distance(stage)
    hill = [(-20, HEIGHT - 90), (40, h + 84), (100, h + 44), (WIDTH - 100, h + 44), (WIDTH - 40, h + 84), (WIDTH + 20, HEIGHT - 90)]
    stage.ramp(curve([*hill, (WIDTH + 40, HEIGHT + 60), (-40, HEIGHT + 60)]), h + 40, HEIGHT, stage.tone(stage.ground((104, 148, 78))), stage.tone(stage.ground((60, 96, 56))))
    stone: Rgb = rng.choice(((178, 170, 164), (196, 182, 158), (150, 152, 166)))
    roof: Rgb = rng.choice(((72, 96, 150), (176, 72, 62), (92, 72, 120)))
    c = WIDTH / 2 + rng.uniform(-12, 12)
    base = h + 64

    def battlement(x: float, y: float, w: float, rgb: Rgb) -> None:
        k = x
        while k < x + w - 2:
            stage.rect(k, y - 7, 6, 8, stage.tone(rgb))
            k += 11

    def turret(x: float, y: float, w: float, pointed: bool) -> None:
        stage.rect(x - w / 2, y, w, base - y, stage.tone(stone))
        stage.rect(x - w / 2 if stage.side > 0 else x, y, w / 2, base - y, stage.tone(scale(stone, (0.74, 0.74, 0.8))))
        if pointed:
            stage.shape([(x - w * 0.68, y + 2), (x, y - w * 1.7), (x + w * 0.68, y + 2)], stage.tone(roof))
            stage.shape([(x, y + 2), (x, y - w * 1.7), (x - stage.side * w * 0.68, y + 2)], stage.tone(scale(roof, (0.7, 0.7, 0.75))))
            stage.line([(x, y - w * 1.7), (x, y - w * 1.7 - 20)], stage.tone((70, 60, 60)), 1.5)
            stage.shape([(x, y - w * 1.7 - 20), (x + 16, y - w * 1.7 - 15), (x, y - w * 1.7 - 9)], stage.tone((226, 70, 66)))
        else:
            battlement(x - w / 2, y, w, stone)
        for k in range(2):
            stage.rect(x - 2.5, y + 16 + k * 34, 5, 12, LAMP if stage.light.lit > 0.2 else stage.tone((54, 54, 70)), round=2.5)

    turret(c, h - 128, 46, True)
    turret(c - 52, h - 70, 32, True)
    turret(c + 52, h - 84, 32, True)
    stage.rect(c - 84, h - 12, 168, base - h + 12, stage.tone(scale(stone, (0.94, 0.94, 0.94))))
    battlement(c - 84, h - 12, 168, scale(stone, (0.94, 0.94, 0.94)))
    turret(c - 92, h - 40, 34, rng.random() < 0.7)
    turret(c + 92, h - 40, 34, rng.random() < 0.7)
    gate = skia.Path()
    gate.addRoundRect(skia.Rect.MakeXYWH(c - 17, h + 14, 34, base - h + 30), 17, 17)
    stage.fill(gate, stage.tone((70, 52, 46)))
    path_to(stage, (206, 186, 150), c, base - 2, 110, 36)
    for k in range(8):
        pine(stage, rng.choice((rng.uniform(0, 60), rng.uniform(WIDTH - 60, WIDTH))), rng.uniform(h + 120, HEIGHT - 20), rng.uniform(50, 90))


def train(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    peaks(stage, h + 6, 110, 0.65, 4)
    hills(stage, h + 36, 40, (104, 150, 100), 0.4, 2, 2)
    hills(stage, h + 90, 24, (110, 160, 80), 0.1, 1, 2)
    y = HEIGHT - 118
    hue: Rgb = rng.choice(((206, 62, 56), (54, 104, 170), (60, 130, 96)))
    s = rng.choice((-1, 1))
    front = WIDTH / 2 + s * rng.uniform(80, 116)
    stage.rect(-4, y + 8, WIDTH + 8, 30, stage.tone(stage.ground((140, 128, 118))))
    for k in range(20):
        stage.rect(k * 16 - 4, y + 10, 8, 5, stage.tone((92, 66, 52)))
    stage.rect(-4, y + 4, WIDTH + 8, 4, stage.tone((150, 154, 164)))
    for k in range(4):
        n = 104
        a = front - s * k * (n + 6)
        x0 = min(a, a - s * n)
        stage.rect(x0, y - 62, n, 56, stage.tone(hue), round=9)
        stage.rect(x0, y - 30, n, 9, stage.tone((246, 240, 226)))
        for q in range(4):
            stage.rect(x0 + 9 + q * 24, y - 53, 17, 18, LAMP if stage.light.lit > 0.2 else stage.tone((150, 196, 216)), round=2)
        for q in (16, 36, n - 36, n - 16):
            stage.disc(x0 + q, y - 2, 7.5, stage.tone((46, 46, 54)))
            stage.disc(x0 + q, y - 2, 3, stage.tone((130, 130, 140)))
        stage.rect(x0 + 3, y - 66, n - 6, 6, stage.tone((90, 94, 106)), round=2)
        if k == 0:
            nose = curve([(a - s * 14, y - 62), (a + s * 16, y - 46), (a + s * 26, y - 12), (a + s * 20, y - 5), (a - s * 16, y - 5)])
            stage.fill(nose, stage.tone(scale(hue, (0.88, 0.88, 0.88))))
            stage.disc(a + s * 16, y - 20, 4, (255, 240, 180))
            if stage.light.lit > 0.2:
                stage.halo(a + s * 18, y - 20, 60, (255, 236, 170), 0.9)
    hills(stage, HEIGHT - 34, 20, (96, 146, 70), 0.0, 2, 2)
    grass(stage, HEIGHT - 50, 30)


def _window(stage: Stage, x: float, y: float, w: float, n: float) -> None:
    """A window through which the outside is seen."""
    canvas = stage.canvas
    canvas.save()
    canvas.clipRect(skia.Rect.MakeXYWH(x, y, w, n))
    horizon = stage.horizon
    stage.horizon = y + n * 0.72
    canvas.save()
    draw_sky(stage)
    hills(stage, y + n * 0.8, n * 0.2, (90, 130, 110), 0.6, 3, 2)
    hills(stage, y + n * 0.92, n * 0.14, (84, 134, 84), 0.2, 2, 2)
    canvas.restore()
    stage.horizon = horizon
    draw_weather(stage)
    canvas.restore()
    frame = stage.tone((246, 242, 234), 0, 0.1)
    for px, py, pw, ph in ((x - 6, y - 6, w + 12, 7), (x - 10, y + n - 1, w + 20, 9), (x - 6, y - 6, 7, n + 12), (x + w - 1, y - 6, 7, n + 12), (x + w / 2 - 2.5, y, 5, n), (x, y + n * 0.45, w, 5)):
        stage.rect(px, py, pw, ph, frame)


def _interior(stage: Stage, wall: Rgb, floor: Rgb, line: float) -> None:
    lit = 0.22 if stage.light.lit > 0.3 else 0.12
    stage.canvas.drawPaint(gradient((0, 0), (0, line), ((0.0, stage.tone(scale(wall, (0.85, 0.85, 0.85)), 0, lit), 1), (1.0, stage.tone(wall, 0, lit), 1))))
    stage.canvas.drawRect(skia.Rect.MakeLTRB(0, line, WIDTH, HEIGHT), gradient((0, line), (0, HEIGHT), ((0.0, stage.tone(scale(floor, (0.8, 0.8, 0.8)), 0, lit), 1), (1.0, stage.tone(floor, 0, lit), 1))))
    stage.rect(0, line - 7, WIDTH, 8, stage.tone(mix(wall, (255, 255, 255), 0.4), 0, lit))


def room(stage: Stage) -> None:
    rng = stage.rng
    wall: Rgb = rng.choice(((206, 190, 172), (150, 174, 176), (196, 160, 150), (140, 150, 180)))
    line = HEIGHT - 128
    _interior(stage, wall, (150, 104, 72), line)
    x, y, w, n = WIDTH / 2 - 84 + rng.uniform(-10, 10), 72.0, 168.0, 226.0
    _window(stage, x, y, w, n)
    beam = polygon([(x, HEIGHT - 110), (x + w, HEIGHT - 110), (x + w + 50 * stage.side, HEIGHT), (x - 10 + 50 * stage.side, HEIGHT)])
    stage.fill(beam, stage.light.low, 0.25)
    curtain: Rgb = rng.choice(((210, 92, 80), (232, 214, 180), (90, 120, 140)))
    for s in (-1, 1):
        cx = x - 14 if s < 0 else x + w + 14
        stage.fill(curve([(cx - 16, y - 20), (cx + 16, y - 20), (cx + 14 - s * 4, y + n * 0.5), (cx + 20, y + n + 34), (cx - 20, y + n + 34), (cx - 14 - s * 4, y + n * 0.5)]), stage.tone(curtain, 0, 0.12))
    stage.line([(x - 40, y - 16), (x + w + 40, y - 16)], stage.tone((110, 80, 60)), 4)
    s = rng.choice((-1, 1))
    px = WIDTH / 2 + s * 98
    for k in range(7):
        a = math.pi * (0.18 + 0.107 * k)
        tip = (px - 58 * math.cos(a), HEIGHT - 96 - 82 * math.sin(a))
        stage.fill(curve([(px, HEIGHT - 92), (tip[0] - 9, tip[1] + 14), tip, (tip[0] + 9, tip[1] + 18)]), stage.tone((64, 130, 76) if k % 2 else (86, 152, 88), 0, 0.08))
    stage.shape([(px - 24, HEIGHT - 94), (px + 24, HEIGHT - 94), (px + 17, HEIGHT - 42), (px - 17, HEIGHT - 42)], stage.tone((200, 108, 72), 0, 0.1))
    cx = WIDTH / 2 - s * 66
    hue: Rgb = rng.choice(((196, 84, 72), (72, 116, 130), (220, 170, 84)))
    stage.rect(cx - 54, HEIGHT - 136, 108, 66, stage.tone(hue, 0, 0.1), round=16)
    stage.rect(cx - 62, HEIGHT - 96, 124, 56, stage.tone(scale(hue, (0.86, 0.86, 0.86)), 0, 0.1), round=14)
    for dx in (-44, 44):
        stage.rect(cx + dx - 4, HEIGHT - 42, 8, 20, stage.tone((90, 62, 46)))
    if stage.light.lit > 0.3:
        stage.halo(cx, HEIGHT - 190, 150, LAMP, 0.5)


def desk(stage: Stage) -> None:
    rng = stage.rng
    wall: Rgb = rng.choice(((206, 196, 182), (150, 172, 184), (190, 168, 156)))
    _interior(stage, wall, (120, 96, 80), HEIGHT - 60)
    _window(stage, WIDTH / 2 - 108, 44, 216, 208)
    y = HEIGHT - 150
    wood: Rgb = (176, 120, 76)
    stage.rect(14, y, WIDTH - 28, 15, stage.tone(wood, 0, 0.1), round=3)
    for x in (28, WIDTH - 44):
        stage.rect(x, y + 15, 16, 140, stage.tone(scale(wood, (0.72, 0.72, 0.72)), 0, 0.08))
    x = WIDTH / 2 + rng.uniform(-14, 14)
    stage.rect(x - 58, y - 82, 116, 76, stage.tone((52, 56, 68), 0, 0.1), round=5)
    stage.rect(x - 53, y - 77, 106, 64, mix((120, 190, 230), stage.tone((120, 190, 230)), 0.4))
    for k in range(4):
        stage.rect(x - 44, y - 68 + 13 * k, rng.uniform(30, 84), 5, (235, 245, 250), 0.85, round=2)
    stage.shape([(x - 62, y - 7), (x + 62, y - 7), (x + 74, y + 1), (x - 74, y + 1)], stage.tone((150, 156, 168), 0, 0.1))
    stage.halo(x, y - 44, 90, (150, 200, 240), 0.25 + 0.3 * stage.light.lit)
    lx = 46
    stage.line([(lx, y), (lx, y - 66), (lx + 26, y - 92)], stage.tone((60, 62, 72), 0, 0.1), 4)
    stage.shape([(lx + 14, y - 104), (lx + 40, y - 92), (lx + 44, y - 70), (lx + 8, y - 86)], stage.tone((222, 92, 70), 0, 0.15))
    if stage.light.lit > 0.2:
        stage.halo(lx + 30, y - 74, 90, LAMP, 0.9)
    mx = WIDTH - 52
    stage.rect(mx - 12, y - 26, 22, 26, stage.tone((236, 232, 224), 0, 0.1), round=4)
    for k in range(4):
        stage.rect(WIDTH - 106 + 2 * (k % 2), y - 8 - 8 * k, 36, 7, stage.tone(((200, 80, 70), (70, 120, 160), (230, 180, 80), (90, 140, 100))[k], 0, 0.1))


def _arched_window(stage: Stage, x: float, y: float, w: float, n: float) -> None:
    """A tall window with a round top between shelves; the light of the day comes through it."""
    arch = skia.Path()
    arch.addRoundRect(skia.Rect.MakeXYWH(x - w / 2, y, w, n + w), w / 2, w / 2)
    stage.canvas.save()
    stage.canvas.clipRect(skia.Rect.MakeXYWH(0, 0, WIDTH, y + n))
    stage.canvas.save()
    stage.canvas.clipPath(arch, True)
    horizon, stage.horizon = stage.horizon, y + n * 0.8
    draw_sky(stage)
    hills(stage, y + n * 0.92, n * 0.2, (90, 140, 100), 0.4, 3, 2)
    stage.horizon = horizon
    stage.canvas.restore()
    frame = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=9)
    frame.setColor(colour(stage.tone((226, 206, 170), 0, 0.15)))
    stage.canvas.drawPath(arch, frame)
    stage.canvas.restore()
    bar = stage.tone((226, 206, 170), 0, 0.15)
    for px, py, pw, ph in ((x - 2, y, 4, n), (x - w / 2, y + n * 0.36, w, 4), (x - w / 2, y + n * 0.68, w, 4), (x - w / 2 - 10, y + n - 5, w + 20, 11)):
        stage.rect(px, py, pw, ph, bar)


def library(stage: Stage) -> None:
    rng = stage.rng
    wood: Rgb = (118, 76, 48)
    glow = 0.12
    stage.canvas.drawPaint(gradient((0, 0), (0, HEIGHT), ((0.0, stage.tone(scale(wood, (0.5, 0.5, 0.5)), 0, glow), 1), (1.0, stage.tone(scale(wood, (0.35, 0.35, 0.35)), 0, glow), 1))))
    hues: tuple[Rgb, ...] = ((170, 56, 50), (44, 86, 120), (58, 110, 78), (206, 158, 74), (120, 70, 110), (220, 204, 172), (90, 60, 50))
    shelf = 68
    for row in range(7):
        base = 56 + shelf * row
        x = 10.0
        while x < WIDTH - 14:
            w, n = rng.uniform(8, 17), rng.uniform(40, 56)
            rgb = stage.pick(*hues)
            if rng.random() < 0.07:
                x += w
                continue
            stage.rect(x, base - n, w - 1, n, stage.tone(rgb, 0, glow))
            stage.rect(x, base - n + 8, w - 1, 3, stage.tone(mix(rgb, (255, 230, 160), 0.5), 0, glow))
            x += w
        stage.rect(0, base, WIDTH, 9, stage.tone(wood, 0, glow))
    _arched_window(stage, WIDTH / 2 + rng.uniform(-14, 14), 30, 112, 218)
    for x in (0, WIDTH - 9):
        stage.rect(x, 0, 9, HEIGHT, stage.tone(scale(wood, (1.1, 1.1, 1.1)), 0, glow))
    lx = rng.choice((46.0, 206.0)) + rng.uniform(-8, 8)
    rail = stage.tone((190, 138, 84), 0, glow)
    for dx in (-20, 20):
        stage.line([(lx + dx, HEIGHT), (lx + dx + 22, 40)], rail, 6)
    for k in range(9):
        t = k / 9
        stage.line([(lx - 20 + 22 * t, HEIGHT - 472 * t), (lx + 20 + 22 * t, HEIGHT - 472 * t)], rail, 5)
    stage.halo(WIDTH * 0.5, 200, 300, mix(LAMP, stage.light.low, 0.7), 0.5)
    beam = polygon([(WIDTH / 2 - 50, 250), (WIDTH / 2 + 50, 250), (WIDTH / 2 + 120 - 60 * stage.side, HEIGHT), (WIDTH / 2 - 120 - 60 * stage.side, HEIGHT)])
    stage.fill(beam, mix(stage.light.low, (255, 255, 255), 0.3), 0.22)
