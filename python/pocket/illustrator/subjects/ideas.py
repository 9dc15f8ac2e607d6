"""Ideas that scripts speak of: money, growth, networks, time, love."""

from __future__ import annotations

import math

import skia

from ..light import Rgb, mix, scale
from ..sky import draw_sky
from ..stage import HEIGHT, WIDTH, Stage, curve, gradient, radial
from ..terrain import distance, hills

GOLD: Rgb = (244, 190, 62)


def _table(stage: Stage, y: float, rgb: Rgb = (150, 104, 72)) -> None:
    stage.canvas.drawRect(skia.Rect.MakeLTRB(0, y, WIDTH, HEIGHT), gradient((0, y), (0, HEIGHT), ((0.0, stage.tone(mix(rgb, (255, 240, 210), 0.15), 0.1), 1), (1.0, stage.tone(scale(rgb, (0.6, 0.6, 0.62))), 1))))
    stage.rect(0, y, WIDTH, 3, stage.tone(mix(rgb, (255, 255, 255), 0.4), 0.1))


def _backdrop(stage: Stage) -> None:
    draw_sky(stage)
    distance(stage)


def rising_chart(stage: Stage) -> None:
    draw_sky(stage)
    rng, h = stage.rng, stage.horizon
    base = HEIGHT - 96
    hills(stage, h + 30, 40, (110, 130, 130), 0.7, 3, 2)
    _table(stage, base, (84, 96, 116))
    faint = mix(stage.light.mid, (255, 255, 255), 0.35)
    for k in range(6):
        stage.line([(18, base - 52 * k), (WIDTH - 18, base - 52 * k)], faint, 1, 0.5)
    count = rng.choice((5, 6, 7))
    with stage.rimmed():
        hue: Rgb = rng.choice(((46, 160, 130), (58, 124, 200), (236, 142, 58)))
        step = (WIDTH - 56) / count
        tops = []
        for k in range(count):
            n = 46 + 226 * ((k + 0.6) / count) ** 1.25 * rng.uniform(0.85, 1.1)
            x = 28 + step * k
            c = mix(hue, (255, 240, 200), 0.3 * k / count)
            stage.rect(x + 4, base - n, step - 8, n, stage.tone(c, 0, 0.25))
            stage.rect(x + 4 if stage.side < 0 else x + step * 0.6, base - n, step * 0.3, n, stage.tone(mix(c, (255, 255, 255), 0.3), 0, 0.25))
            tops.append((x + step / 2, base - n - 34 + rng.uniform(-6, 6)))
        red = (236, 64, 72) if hue[0] < 200 else (40, 90, 160)
        last, before = tops[-1], tops[-2]
        tip = (min(WIDTH - 16, last[0] + 12), last[1] - 26)
        stage.line([*tops, tip], stage.tone(red, 0, 0.4), 6)
        for x, y in tops:
            stage.disc(x, y, 5.5, stage.tone((255, 255, 255), 0, 0.4))
        a = math.atan2(tip[1] - before[1], tip[0] - before[0])
        stage.shape([(tip[0] + 20 * math.cos(a), tip[1] + 20 * math.sin(a)), (tip[0] + 12 * math.cos(a + 1.9), tip[1] + 12 * math.sin(a + 1.9)), (tip[0] + 12 * math.cos(a - 1.9), tip[1] + 12 * math.sin(a - 1.9))], stage.tone(red, 0, 0.4))


def coins(stage: Stage) -> None:
    _backdrop(stage)
    rng = stage.rng
    base = HEIGHT - 76
    _table(stage, base - 44)
    edge, face = stage.tone(scale(GOLD, (0.78, 0.7, 0.6)), 0, 0.15), stage.tone(GOLD, 0, 0.2)
    light, dark = stage.tone((255, 230, 140), 0, 0.25), stage.tone((150, 100, 30), 0, 0.1)
    spots = [(-84, -14, 5), (0, -16, 12), (84, -14, 8), (-44, 10, 3), (42, 12, 5)]
    with stage.rimmed():
        for dx, dy, k in spots:
            x, y = WIDTH / 2 + dx, base + dy
            n = max(2, k + rng.randint(-2, 3))
            stage.shadow(x, y + 8, 46, 11)
            for i in range(n):
                yy, xx = y - i * 13, x + rng.uniform(-2.5, 2.5)
                stage.oval(xx, yy + 5, 38, 13, edge)
                stage.rect(xx - 38, yy - 5, 76, 10, edge)
                stage.oval(xx, yy - 5, 38, 13, face)
                stage.line([(xx - 37, yy + 6), (xx - 20, yy + 15), (xx + 20, yy + 15), (xx + 37, yy + 6)], dark, 1.0, 0.5, smooth=True)
            stage.oval(xx, yy - 5, 28, 8.5, light)
            stage.oval(xx, yy - 5, 24, 7, face)
    for _ in range(rng.randint(0, 2)):
        x, y, r = rng.uniform(60, WIDTH - 60), rng.uniform(130, 250), rng.uniform(18, 26)
        stage.disc(x, y, r, edge)
        stage.disc(x - 2, y - 2, r * 0.9, face)
        stage.disc(x - 2, y - 2, r * 0.66, light)
        stage.rect(x - 4, y - r * 0.4, 5, r * 0.8, dark, 0.8)


def network(stage: Stage) -> None:
    rng, light = stage.rng, stage.light
    draw_sky(stage, orb=False)
    stage.canvas.drawPaint(gradient((0, 0), (0, HEIGHT), ((0.0, (8, 16, 40), 0.2), (1.0, (8, 16, 40), 0.45))))
    nodes = []
    for i in range(6):
        for j in range(4):
            nodes.append(((j + 0.5 + rng.uniform(-0.32, 0.32)) * WIDTH / 4, (i + 0.5 + rng.uniform(-0.32, 0.32)) * HEIGHT / 6))
    hue: Rgb = mix(rng.choice(((120, 230, 255), (150, 255, 200), (255, 206, 110))), light.low, 0.2)
    for i, a in enumerate(nodes):
        near = sorted(range(len(nodes)), key=lambda k: (nodes[k][0] - a[0]) ** 2 + (nodes[k][1] - a[1]) ** 2)[1:4]
        for k in near:
            if k > i or rng.random() < 0.4:
                stage.line([a, nodes[k]], hue, 3.0, 0.75)
    for k, (x, y) in enumerate(nodes):
        r = rng.uniform(15, 20) if k % 5 == 3 else rng.uniform(7, 10)
        stage.halo(x, y, r * 3.4, hue, 0.8)
        stage.disc(x, y, r, hue)
        stage.disc(x, y, r * 0.55, (250, 255, 255))


def book(stage: Stage) -> None:
    _backdrop(stage)
    rng = stage.rng
    _table(stage, HEIGHT - 170)
    x, y = WIDTH / 2 + rng.uniform(-10, 10), HEIGHT - 96
    hue: Rgb = rng.choice(((170, 56, 52), (44, 86, 140), (54, 116, 84)))
    stage.shadow(x, y + 20, 130, 16)
    stage.shape([(x - 124, y - 46), (x, y - 26), (x + 124, y - 46), (x + 130, y + 18), (x, y + 34), (x - 130, y + 18)], stage.tone(hue))
    for s in (-1, 1):
        for k in range(3):
            page = stage.tone((250 - 8 * (2 - k), 244 - 8 * (2 - k), 226 - 8 * (2 - k)) if s == stage.side or k < 2 else (232, 224, 204))
            path = skia.Path()
            path.moveTo(x, y + 24 - 4 * k)
            path.cubicTo(x + s * 36, y - 6 - 5 * k, x + s * 80, y - 2 - 4 * k, x + s * 120, y + 8 - 4 * k)
            path.lineTo(x + s * 112, y - 58 - 4 * k)
            path.cubicTo(x + s * 76, y - 72 - 4 * k, x + s * 36, y - 74 - 4 * k, x, y - 42 - 4 * k)
            path.close()
            stage.fill(path, page)
        for k in range(5):
            t = k / 5
            stage.line([(x + s * (14 + 2 * t), y - 46 + 56 * t - 4), (x + s * 58, y - 64 + 56 * t), (x + s * 104, y - 56 + 56 * t)], stage.tone((150, 140, 128)), 1.6, 0.8, smooth=True)
    stage.halo(x, y - 90, 140, (255, 230, 150), 0.55)
    for _ in range(22):
        a, n = rng.uniform(-2.5, -0.6), rng.uniform(50, 250)
        stage.disc(x + math.cos(a) * n * 0.7, y - 50 + math.sin(a) * n, rng.uniform(1, 3), (255, 236, 170), 0.9)


def lightbulb(stage: Stage) -> None:
    _backdrop(stage)
    rng = stage.rng
    x, y, r = WIDTH / 2 + rng.uniform(-14, 14), HEIGHT * rng.uniform(0.40, 0.48), rng.uniform(66, 78)
    _table(stage, HEIGHT - 90)
    stage.halo(x, y, 240, (255, 224, 120), 0.9)
    for k in range(12):
        a = math.tau * k / 12
        stage.line([(x + math.cos(a) * r * 1.3, y + math.sin(a) * r * 1.3), (x + math.cos(a) * r * 1.6, y + math.sin(a) * r * 1.6)], (255, 232, 150), 5, 0.9)
    glass = skia.Path()
    glass.moveTo(x - r * 0.36, y + r * 1.3)
    glass.cubicTo(x - r * 0.4, y + r * 0.8, x - r, y + r * 0.6, x - r, y)
    glass.cubicTo(x - r, y - r * 1.33, x + r, y - r * 1.33, x + r, y)
    glass.cubicTo(x + r, y + r * 0.6, x + r * 0.4, y + r * 0.8, x + r * 0.36, y + r * 1.3)
    glass.close()
    stage.canvas.drawPath(glass, radial((x, y), r * 1.3, ((0.0, (255, 252, 220), 1), (0.6, (255, 226, 120), 1), (1.0, (250, 190, 70), 1))))
    stage.line([(x - r * 0.2, y + r * 1.2), (x - r * 0.3, y + r * 0.2), (x - r * 0.1, y + r * 0.4), (x, y + r * 0.15), (x + r * 0.1, y + r * 0.4), (x + r * 0.3, y + r * 0.2), (x + r * 0.2, y + r * 1.2)], (214, 120, 30), 3)
    for k in range(4):
        stage.rect(x - r * 0.38, y + r * (1.28 + 0.15 * k), r * 0.76, r * 0.13, stage.tone((170, 176, 188) if k % 2 else (130, 136, 150), 0, 0.2), round=3)
    stage.shape([(x - r * 0.22, y + r * 1.88), (x + r * 0.22, y + r * 1.88), (x + r * 0.1, y + r * 2.04), (x - r * 0.1, y + r * 2.04)], stage.tone((60, 62, 74)))


def heart(stage: Stage) -> None:
    _backdrop(stage)
    rng = stage.rng
    hills(stage, HEIGHT - 60, 40, (120, 160, 100), 0.05, 1, 2)
    x, y, n = WIDTH / 2 + rng.uniform(-12, 12), HEIGHT * rng.uniform(0.42, 0.5), rng.uniform(92, 108)
    red: Rgb = rng.choice(((226, 42, 66), (240, 84, 120)))

    def outline(k: float) -> skia.Path:
        path = skia.Path()
        path.moveTo(x, y + n * 0.95 * k)
        path.cubicTo(x - n * 1.5 * k, y + n * 0.05 * k, x - n * 0.9 * k, y - n * 1.15 * k, x, y - n * 0.42 * k)
        path.cubicTo(x + n * 0.9 * k, y - n * 1.15 * k, x + n * 1.5 * k, y + n * 0.05 * k, x, y + n * 0.95 * k)
        path.close()
        return path

    stage.halo(x, y, 210, mix(red, (255, 160, 150), 0.5), 0.6)
    with stage.rimmed():
        stage.fill(outline(1.0), stage.tone(scale(red, (0.72, 0.7, 0.75)), 0, 0.3))
        stage.canvas.save()
        stage.canvas.translate(stage.side * 5, -5)
        stage.fill(outline(0.91), stage.tone(red, 0, 0.35))
        stage.canvas.restore()
        stage.fill(curve([(x - n * 0.6, y - n * 0.12), (x - n * 0.5, y - n * 0.5), (x - n * 0.22, y - n * 0.54), (x - n * 0.42, y - n * 0.3)]), (255, 230, 232), 0.7)
    for _ in range(rng.randint(2, 6)):
        stage.disc(rng.uniform(20, WIDTH - 20), rng.uniform(60, HEIGHT - 150), rng.uniform(2, 6), mix(red, (255, 220, 220), 0.5), 0.7)


def clock(stage: Stage) -> None:
    _backdrop(stage)
    rng = stage.rng
    _table(stage, HEIGHT - 84)
    x, y, r = WIDTH / 2 + rng.uniform(-8, 8), HEIGHT * rng.uniform(0.48, 0.54), rng.uniform(100, 114)
    rim: Rgb = rng.choice(((176, 60, 52), (56, 70, 96), (190, 146, 70)))
    stage.shadow(x, HEIGHT - 80, 90, 12)
    stage.backlight(x, y, 220)
    with stage.rimmed():
        for s in (-1, 1):
            stage.line([(x + s * r * 0.6, y + r * 0.7), (x + s * r * 0.75, HEIGHT - 76)], stage.tone(scale(rim, (0.7, 0.7, 0.7)), 0, 0.1), 12)
            stage.oval(x + s * r * 0.6, y - r * 1.02, r * 0.3, r * 0.22, stage.tone(mix(rim, (255, 220, 160), 0.3), 0, 0.15))
        stage.disc(x, y, r, stage.tone(rim, 0, 0.15))
        stage.disc(x, y, r * 0.86, stage.tone((250, 246, 234), 0, 0.3))
        ink = stage.tone((48, 44, 54))
        for k in range(12):
            a = math.tau * k / 12
            q = 0.66 if k % 3 == 0 else 0.72
            stage.line([(x + math.sin(a) * r * q, y - math.cos(a) * r * q), (x + math.sin(a) * r * 0.79, y - math.cos(a) * r * 0.79)], ink, 5 if k % 3 == 0 else 3)
        hour, minute = rng.uniform(0, math.tau), rng.uniform(0, math.tau)
        stage.line([(x, y), (x + math.sin(hour) * r * 0.42, y - math.cos(hour) * r * 0.42)], ink, 8)
        stage.line([(x, y), (x + math.sin(minute) * r * 0.64, y - math.cos(minute) * r * 0.64)], ink, 5)
        stage.disc(x, y, 7, stage.tone(rim, 0, 0.2))


def abstract_waves(stage: Stage) -> None:
    light, rng = stage.light, stage.rng
    stage.canvas.drawPaint(gradient((0, 0), (WIDTH, HEIGHT), ((0.0, light.top, 1), (1.0, light.mid, 1))))
    lean = rng.uniform(-0.4, 0.4)
    for k in range(8):
        y = HEIGHT * (0.12 + 0.12 * k)
        amp, freq, phase = rng.uniform(24, 52), rng.uniform(0.012, 0.022), rng.uniform(0, 6)
        top = [(x, y + amp * math.sin(x * freq + phase) + lean * (x - WIDTH / 2)) for x in range(-8, WIDTH + 12, 8)]
        c = mix(light.low, light.top, k / 7)
        stage.land(top, mix(c, (255, 255, 255), 0.15), c)
        stage.line(top, mix(c, (255, 255, 255), 0.4), 2, 0.8)


def particles(stage: Stage) -> None:
    light, rng = stage.light, stage.rng
    stage.canvas.drawPaint(radial((WIDTH / 2, HEIGHT / 2), 340, ((0.0, mix(light.mid, light.top, 0.4), 1), (1.0, mix(light.top, (0, 0, 0), 0.35), 1))))
    for _ in range(46):
        x, y, r = rng.gauss(WIDTH / 2, 90), rng.gauss(HEIGHT / 2, 130), rng.uniform(3, 20) * rng.random() + 2
        c = mix(light.low, (255, 255, 255), rng.uniform(0, 0.5))
        stage.halo(x, y, r * 2.4, c, 0.5)
        stage.disc(x, y, r, c, rng.uniform(0.4, 0.9))
