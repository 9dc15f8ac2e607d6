"""Mountains, deserts, woods, fields and what stands in them."""

from __future__ import annotations

import math

import skia

from ..light import mix, scale
from ..sky import draw_sky
from ..stage import HEIGHT, WIDTH, Stage, curve, polygon
from ..terrain import GREEN, PINE, WOOD, blossoms, distance, grass, ground_shadow, hills, leafy, near_ground, path_to, peaks, pine


def mountains(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    peaks(stage, h + 20, rng.uniform(120, 170), 0.75, 4)
    peaks(stage, h + 112, rng.uniform(210, 270), 0.35, 3)
    hills(stage, h + 96, 40, (70, 110, 84), 0.25, 3, 3)
    top = hills(stage, h + 138, 34, (60, 104, 66), 0.05, 2, 3)
    for _ in range(rng.randint(8, 14)):
        x = rng.uniform(0, WIDTH)
        pine(stage, x, stage.height_at(top, x) + rng.uniform(4, 30), rng.uniform(34, 62))


def desert(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    base = (226, 168, 98)
    for k in range(4):
        y = h + 6 + k * 46
        top = stage.ridge(y, 46 + 10 * k, 1 + (k < 2), 2, 0.25)
        depth = (0.6, 0.35, 0.12, 0.0)[k]
        sand = stage.ground(base)
        stage.land(top, stage.tone(mix(sand, (255, 232, 170), 0.3), depth), stage.tone(scale(sand, (0.86, 0.78, 0.7)), depth))
        peak = min(top, key=lambda p: p[1])
        s = -stage.side
        crest = [p for p in top if (p[0] - peak[0]) * s >= 0]
        if len(crest) > 3:
            far = max(crest, key=lambda p: p[0] * s)
            ordered = sorted(crest, key=lambda p: p[0] * s)
            stage.shape([peak, *ordered, (far[0], far[1] + 60), (peak[0] + s * 36, peak[1] + 46), (peak[0] + s * 6, peak[1] + 18)], stage.tone(scale(sand, (0.62, 0.52, 0.5)), depth), 0.75)
    if rng.random() < 0.75:
        x, y, n = rng.uniform(50, WIDTH - 50), HEIGHT - rng.uniform(50, 90), rng.uniform(90, 130)
        green = stage.tone((70, 122, 74))
        ground_shadow(stage, x, y, n * 0.4)
        stage.line([(x, y), (x, y - n)], green, n * 0.15)
        for s, a in ((-1, 0.45), (1, 0.6)):
            stage.line([(x, y - n * a), (x + s * n * 0.26, y - n * a), (x + s * n * 0.26, y - n * (a + 0.28))], green, n * 0.1)


def forest(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    hills(stage, h, 60, (70, 120, 84), 0.7, 3, 3)
    for k in range(4):
        y = h + 20 + 44 * k
        depth = (0.6, 0.35, 0.15, 0.0)[k]
        stage.land(stage.ridge(y, 14, 2), stage.tone(stage.ground((58, 100, 58)), depth), stage.tone(stage.ground((38, 74, 46)), depth))
        n = (13, 9, 7, 5)[k]
        for i in range(n):
            x = (i + rng.uniform(0.1, 0.9)) / n * WIDTH
            if k == 3 and 90 < x < 200:
                continue
            pine(stage, x, y + rng.uniform(0, 14) + (26 if k == 3 else 0), (96, 120, 160, 230)[k] * rng.uniform(0.8, 1.15), depth, mix(PINE, (40, 70, 50), 0.3 * (k % 2)))
    if rng.random() < 0.5:
        path_to(stage, (158, 128, 90), WIDTH / 2, h + 120, 90, 16)


def meadow(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    hills(stage, h + 6, 60, (104, 148, 116), 0.7, 2, 2)
    hills(stage, h + 40, 56, (104, 164, 84), 0.4, 2, 2)
    top = hills(stage, h + 86, 56, (120, 182, 74), 0.15, 1, 2)
    for _ in range(rng.randint(1, 3)):
        x = rng.uniform(20, WIDTH - 20)
        leafy(stage, x, stage.height_at(top, x) + 8, rng.uniform(44, 70), depth=0.1)
    hills(stage, h + 150, 46, (112, 176, 66), 0.0, 1, 2)
    grass(stage, h + 140, 60, (112, 176, 66))


def flower_field(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    hills(stage, h, 50, (110, 140, 120), 0.7, 3, 2)
    hills(stage, h + 40, 30, (96, 156, 84), 0.3, 2, 2)
    hills(stage, h + 70, 20, (84, 148, 66), 0.1, 1, 2)
    petal = rng.choice(((232, 60, 72), (250, 190, 40), (196, 96, 210), (250, 128, 170)))
    low = h + 62
    blossoms(stage, low, 150, petal)
    spots = sorted(((rng.uniform(0, WIDTH), low + (HEIGHT + 30 - low) * (0.3 + 0.7 * rng.random())) for _ in range(30)), key=lambda p: p[1])
    for x, y in spots:
        n = 9 + 30 * ((y - low) / (HEIGHT - low)) ** 1.2
        stem = stage.tone((54, 116, 52))
        stage.line([(x, y), (x, y + n * 2.2)], stem, max(1.0, n * 0.13))
        stage.oval(x + n * 0.4, y + n * 1.4, n * 0.42, n * 0.15, stem)
        for k in range(6):
            a = math.tau * k / 6
            stage.disc(x + math.cos(a) * n * 0.42, y + math.sin(a) * n * 0.38, n * 0.3, stage.tone(petal if k % 2 else scale(petal, (0.86, 0.86, 0.86))))
        stage.disc(x, y, n * 0.28, stage.tone((252, 214, 90) if petal[1] < 150 else (120, 74, 34)))


def single_tree(stage: Stage) -> None:
    draw_sky(stage)
    rng = stage.rng
    distance(stage)
    top = hills(stage, HEIGHT - 96, 60, (116, 168, 78), 0.0, 1, 1)
    x = rng.uniform(0.38, 0.62) * WIDTH
    y = stage.height_at(top, x) + 8
    ground_shadow(stage, x, y + 4, 90)
    leaf = rng.choice(((84, 140, 60), (84, 140, 60), (206, 110, 44), (224, 140, 168)))
    stage.backlight(x, y - 160, 190)
    with stage.rimmed():
        leafy(stage, x, y, rng.uniform(235, 285), leaf)
    grass(stage, HEIGHT - 80, 30)


def road(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    if rng.random() < 0.5:
        peaks(stage, h + 6, rng.uniform(60, 110), 0.65, 4)
    else:
        hills(stage, h + 6, 70, (120, 140, 130), 0.7, 3, 3)
    land = stage.ground(rng.choice(((150, 166, 84), (196, 160, 100), (110, 156, 76))))
    stage.land([(-20, h), (WIDTH + 20, h)], stage.tone(land, 0.55), stage.tone(land))
    vx = WIDTH / 2 + rng.uniform(-30, 30)
    grey = stage.ground((82, 84, 94))
    tarmac = polygon([(vx - 3, h), (vx + 3, h), (WIDTH / 2 + 165, HEIGHT), (WIDTH / 2 - 165, HEIGHT)])
    stage.ramp(tarmac, h, HEIGHT, stage.tone(grey, 0.4), stage.tone(scale(grey, (0.8, 0.8, 0.85))))
    white = stage.tone((246, 240, 220), 0, 0.15)
    for s in (-1, 1):
        stage.shape([(vx + s * 2.6, h), (vx + s * 3, h), (WIDTH / 2 + s * 148, HEIGHT), (WIDTH / 2 + s * 138, HEIGHT)], white)
    span = HEIGHT - h
    for k in range(1, 8):
        a, b = (k / 8) ** 2, ((k + 0.5) / 8) ** 2
        ya, yb = h + span * a, h + span * b
        xa, xb = vx + (WIDTH / 2 - vx) * a, vx + (WIDTH / 2 - vx) * b
        stage.shape([(xa - 6 * a, ya), (xa + 6 * a, ya), (xb + 6 * b, yb), (xb - 6 * b, yb)], stage.tone((250, 206, 80), 0, 0.2))
    for k in range(2, 6):
        t = (k / 6) ** 2
        y = h + span * t
        for s in (-1, 1):
            x = vx + (WIDTH / 2 - vx) * t + s * (14 + 205 * t)
            stage.rect(x - 2 * t - 0.5, y - 44 * t, 1 + 4 * t, 44 * t, stage.tone((240, 240, 240)))


def campfire(stage: Stage) -> None:
    draw_sky(stage, orb=stage.rng.random() < 0.7)
    rng, h = stage.rng, stage.horizon
    hills(stage, h + 10, 50, (80, 110, 110), 0.6, 3, 3)
    for k in range(12):
        pine(stage, (k + rng.random()) / 12 * WIDTH, h + 60 + rng.uniform(-8, 8), rng.uniform(90, 150), 0.25)
    hills(stage, h + 60, 16, (84, 110, 68), 0.0, 2, 2)
    x, y = WIDTH / 2 + rng.uniform(-20, 20), HEIGHT - 90
    s = rng.choice((-1, 1))
    tx, ty = x + s * 86, y - 50
    stage.shape([(tx - 64, ty + 36), (tx, ty - 60), (tx + 64, ty + 36)], stage.tone((212, 120, 60), 0, 0.25))
    stage.shape([(tx - 16, ty + 36), (tx, ty - 50), (tx + 18, ty + 36)], stage.tone((70, 44, 40), 0, 0.15))
    stage.halo(x, y - 30, 190, (255, 150, 50), 0.85)
    stage.oval(x, y + 14, 84, 20, (255, 150, 60), 0.35, blur=8)
    for a, b in (((-52, 16), (46, -6)), ((52, 16), (-46, -6)), ((-58, 6), (58, 10))):
        stage.line([(x + a[0], y + a[1]), (x + b[0], y + b[1])], stage.tone(WOOD, 0, 0.35), 13)
    for n, c, w in ((118, (244, 92, 30), 44), (88, (255, 158, 40), 30), (54, (255, 232, 130), 17)):
        sway = rng.uniform(-8, 8)
        stage.fill(curve([(x - w, y - 4), (x - w * 0.8, y - n * 0.4), (x + sway - 4, y - n * 1.15), (x + sway + 3, y - n * 1.1), (x + w * 0.85, y - n * 0.4), (x + w, y - 4), (x, y + 8)]), c)
    for _ in range(14):
        stage.disc(x + rng.uniform(-50, 50), y - rng.uniform(90, 240), rng.uniform(0.8, 2.0), (255, 190, 90), 0.9)


def cave(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    distance(stage)
    near_ground(stage, GREEN, 150)
    stage.backlight(WIDTH / 2, h - 20, 230)
    x = WIDTH / 2 + rng.uniform(-12, 12)
    for k in range(3):
        rock = ((132, 112, 104), (96, 82, 84), (64, 56, 64))[k]
        half, top, foot = (78, 100, 124)[k], (118, 84, 48)[k], HEIGHT - (96, 62, 26)[k]
        arch = []
        for i in range(23):
            a = math.pi * i / 22
            q = rng.uniform(0.9, 1.06)
            arch.append((x - half * math.copysign(abs(math.cos(a)) ** 0.6, math.cos(a)) * q, foot - (foot - top) * math.sin(a) ** 0.7 * q))
        wall = skia.Path()
        wall.addRect(skia.Rect.MakeWH(WIDTH, HEIGHT))
        wall.addPath(polygon(arch))
        wall.setFillType(skia.PathFillType.kEvenOdd)
        stage.ramp(wall, 0, HEIGHT, stage.tone(scale(rock, (0.7, 0.7, 0.75))), stage.tone(rock))
        for i in range(5, 18):
            if rng.random() < 0.6:
                px, py = arch[i]
                n = rng.uniform(18, 52) * (1 if k < 2 else 1.3)
                stage.shape([(px - 9, py - 10), (px + 9, py - 10), (px + rng.uniform(-2, 2), py + n)], stage.tone(scale(rock, (0.82, 0.82, 0.86))))
    floor = stage.ridge(HEIGHT - 20, 26, 5)
    stage.land(floor, stage.tone((84, 74, 80)), stage.tone((48, 42, 50)))
    for s in (-1, 1):
        for _ in range(3):
            px, n = WIDTH / 2 + s * rng.uniform(84, 136), rng.uniform(36, 84)
            stage.shape([(px - 12, HEIGHT - 16), (px + 12, HEIGHT - 16), (px + rng.uniform(-2, 2), HEIGHT - 16 - n)], stage.tone((104, 90, 92)))
