"""People and animals."""

from __future__ import annotations


from ..light import Rgb, mix, scale
from ..sky import draw_sky
from ..stage import HEIGHT, WIDTH, Stage, curve
from ..terrain import distance, grass, ground_shadow, near_ground, peaks, person

COATS: tuple[Rgb, ...] = ((214, 66, 56), (56, 110, 180), (238, 178, 62), (72, 150, 104), (150, 96, 176))


def _scene(stage: Stage) -> float:
    draw_sky(stage)
    if stage.rng.random() < 0.5:
        peaks(stage, stage.horizon + 30, 110, 0.7, 3)
    distance(stage)
    near_ground(stage, stage.rng.choice(((112, 176, 84), (212, 188, 116), (128, 160, 138))), 104)
    grass(stage, HEIGHT - 96, 34)
    return HEIGHT - 66


def lone_person(stage: Stage) -> None:
    y = _scene(stage)
    x = WIDTH / 2 + stage.rng.uniform(-34, 34)
    n, coat = stage.rng.uniform(250, 285), stage.rng.choice(COATS)
    stage.backlight(x, y - n * 0.6, 190)
    ground_shadow(stage, x, y, 44)
    with stage.rimmed():
        person(stage, x, y, n, coat)


def couple(stage: Stage) -> None:
    y = _scene(stage)
    x, n = WIDTH / 2 + stage.rng.uniform(-14, 14), stage.rng.uniform(225, 250)
    hues = stage.rng.sample(COATS, 2)
    stage.backlight(x, y - n * 0.6, 190)
    with stage.rimmed():
        for s, tall in ((-1, 1.0), (1, 0.9)):
            ground_shadow(stage, x + s * n * 0.2, y, 36)
            person(stage, x + s * n * 0.2, y, n * tall, hues[s > 0])
        stage.line([(x - n * 0.06, y - n * 0.46), (x, y - n * 0.42), (x + n * 0.06, y - n * 0.44)], stage.tone((150, 104, 84)), n * 0.04)


def crowd(stage: Stage) -> None:
    draw_sky(stage)
    rng = stage.rng
    distance(stage)
    near_ground(stage, (186, 180, 170), 190)
    for row in range(5):
        y = HEIGHT - 150 + 44 * row
        n = 76 + 22 * row
        count = 8 - row
        for i in range(count):
            person(stage, (i + rng.uniform(0.2, 0.8)) / count * WIDTH, y + rng.uniform(-6, 6), n * rng.uniform(0.92, 1.08), rng.choice(COATS), arm=1.0 if rng.random() < 0.15 else 0.0)


def cat(stage: Stage) -> None:
    y = _scene(stage) + 8
    rng = stage.rng
    x, n = WIDTH / 2 + rng.uniform(-22, 22), rng.uniform(200, 225)
    fur: Rgb = rng.choice(((92, 92, 108), (236, 150, 70), (226, 220, 212), (150, 130, 116)))
    c, dark, pale = stage.tone(fur), stage.tone(scale(fur, (0.72, 0.72, 0.76))), stage.tone(mix(fur, (255, 250, 240), 0.6))
    ground_shadow(stage, x, y, n * 0.4)
    stage.backlight(x, y - n * 0.6, 180)
    with stage.rimmed():
        s = rng.choice((-1, 1))
        stage.line([(x + s * n * 0.2, y - n * 0.05), (x + s * n * 0.5, y - n * 0.06), (x + s * n * 0.56, y - n * 0.34), (x + s * n * 0.46, y - n * 0.5)], dark, n * 0.085, smooth=True)
        stage.fill(curve([(x - n * 0.12, y - n * 0.62), (x + n * 0.12, y - n * 0.62), (x + n * 0.27, y - n * 0.25), (x + n * 0.3, y), (x, y + n * 0.05), (x - n * 0.3, y), (x - n * 0.27, y - n * 0.25)]), c)
        stage.oval(x, y - n * 0.3, n * 0.12, n * 0.2, pale)
        for d in (-1, 1):
            stage.rect(x + d * n * 0.09 - n * 0.05, y - n * 0.3, n * 0.1, n * 0.3, c, round=n * 0.05)
            stage.oval(x + d * n * 0.1, y, n * 0.08, n * 0.045, pale)
        hy = y - n * 0.72
        for d in (-1, 1):
            stage.shape([(x + d * n * 0.25, hy - n * 0.02), (x + d * n * 0.23, hy - n * 0.36), (x + d * n * 0.03, hy - n * 0.18)], c)
            stage.shape([(x + d * n * 0.2, hy - n * 0.1), (x + d * n * 0.195, hy - n * 0.28), (x + d * n * 0.08, hy - n * 0.17)], stage.tone((226, 150, 150)))
        stage.oval(x, hy, n * 0.27, n * 0.225, c)
        stage.oval(x, hy + n * 0.09, n * 0.12, n * 0.08, pale)
        for d in (-1, 1):
            stage.oval(x + d * n * 0.11, hy - n * 0.02, n * 0.058, n * 0.066, stage.tone((190, 220, 90), 0, 0.4))
            stage.oval(x + d * n * 0.11, hy - n * 0.02, n * 0.02, n * 0.056, (16, 18, 22))
            for k in (-1, 0, 1):
                stage.line([(x + d * n * 0.1, hy + n * 0.08), (x + d * n * 0.34, hy + n * (0.08 + 0.05 * k))], pale, 1.0, 0.8)
        stage.shape([(x - n * 0.03, hy + n * 0.05), (x + n * 0.03, hy + n * 0.05), (x, hy + n * 0.085)], stage.tone((210, 110, 110)))


def dog(stage: Stage) -> None:
    y = _scene(stage) + 8
    rng = stage.rng
    x, n, s = WIDTH / 2 + rng.uniform(-18, 18), rng.uniform(205, 228), rng.choice((-1, 1))
    fur: Rgb = rng.choice(((186, 120, 66), (232, 194, 130), (118, 92, 82), (240, 234, 224)))
    c, dark, pale = stage.tone(fur), stage.tone(scale(fur, (0.66, 0.66, 0.7))), stage.tone(mix(fur, (255, 250, 240), 0.6))
    ground_shadow(stage, x, y, n * 0.42)
    stage.backlight(x, y - n * 0.6, 180)
    with stage.rimmed():
        stage.line([(x - s * n * 0.24, y - n * 0.12), (x - s * n * 0.46, y - n * 0.26), (x - s * n * 0.5, y - n * 0.42)], c, n * 0.07, smooth=True)
        stage.fill(curve([(x - s * n * 0.3, y), (x - s * n * 0.33, y - n * 0.22), (x - s * n * 0.06, y - n * 0.56), (x + s * n * 0.2, y - n * 0.64), (x + s * n * 0.26, y - n * 0.34), (x + s * n * 0.2, y)]), c)
        for dx in (0.08, 0.2):
            stage.rect(x + s * n * dx - n * 0.045, y - n * 0.36, n * 0.09, n * 0.36, c if dx > 0.1 else dark, round=n * 0.04)
            stage.oval(x + s * n * (dx + 0.03), y, n * 0.075, n * 0.04, pale)
        stage.oval(x - s * n * 0.18, y - n * 0.03, n * 0.14, n * 0.06, dark)
        hx, hy = x + s * n * 0.16, y - n * 0.74
        stage.oval(hx, hy, n * 0.18, n * 0.17, c)
        stage.fill(curve([(hx + s * n * 0.04, hy - n * 0.06), (hx + s * n * 0.34, hy - n * 0.01), (hx + s * n * 0.36, hy + n * 0.09), (hx + s * n * 0.08, hy + n * 0.17)]), pale)
        stage.oval(hx + s * n * 0.34, hy + n * 0.02, n * 0.045, n * 0.038, (26, 24, 28))
        stage.fill(curve([(hx - s * n * 0.08, hy - n * 0.14), (hx - s * n * 0.2, hy - n * 0.06), (hx - s * n * 0.2, hy + n * 0.2), (hx - s * n * 0.08, hy + n * 0.16)]), dark)
        stage.disc(hx + s * n * 0.08, hy - n * 0.04, n * 0.026, (22, 20, 24))
        stage.rect(hx - n * 0.16, hy + n * 0.15, n * 0.27, n * 0.05, stage.tone((210, 60, 56)), round=3)


def horse(stage: Stage) -> None:
    y = _scene(stage) + 6
    rng = stage.rng
    x, n, s = WIDTH / 2 - 8, rng.uniform(196, 216), rng.choice((-1, 1))
    fur: Rgb = rng.choice(((152, 92, 56), (112, 74, 58), (236, 228, 216), (190, 126, 72)))
    c, dark, mane = stage.tone(fur), stage.tone(scale(fur, (0.68, 0.68, 0.72))), stage.tone(scale(fur, (0.4, 0.38, 0.4)))
    ground_shadow(stage, x, y, n * 0.45)
    stage.backlight(x, y - n * 0.6, 180)
    with stage.rimmed():
        stage.fill(curve([(x - s * n * 0.32, y - n * 0.55), (x - s * n * 0.5, y - n * 0.4), (x - s * n * 0.46, y - n * 0.16), (x - s * n * 0.4, y - n * 0.3)]), mane)
        for dx, col in ((-0.24, dark), (0.2, dark), (-0.3, c), (0.26, c)):
            stage.shape([(x + s * n * (dx - 0.055), y - n * 0.42), (x + s * n * (dx + 0.055), y - n * 0.42), (x + s * n * (dx + 0.026), y), (x + s * n * (dx - 0.026), y)], col)
            stage.rect(x + s * n * dx - n * 0.033, y - n * 0.04, n * 0.066, n * 0.042, mane)
        stage.fill(curve([(x - s * n * 0.38, y - n * 0.5), (x - s * n * 0.3, y - n * 0.66), (x, y - n * 0.6), (x + s * n * 0.3, y - n * 0.68), (x + s * n * 0.36, y - n * 0.46), (x + s * n * 0.2, y - n * 0.34), (x - s * n * 0.2, y - n * 0.35), (x - s * n * 0.37, y - n * 0.36)]), c)
        stage.shape([(x + s * n * 0.14, y - n * 0.6), (x + s * n * 0.36, y - n * 0.46), (x + s * n * 0.52, y - n * 0.86), (x + s * n * 0.36, y - n * 0.96)], c)
        stage.fill(curve([(x + s * n * 0.34, y - n * 0.99), (x + s * n * 0.5, y - n * 0.97), (x + s * n * 0.69, y - n * 0.76), (x + s * n * 0.64, y - n * 0.68), (x + s * n * 0.46, y - n * 0.8)]), c)
        stage.shape([(x + s * n * 0.37, y - n * 0.94), (x + s * n * 0.4, y - n * 1.08), (x + s * n * 0.45, y - n * 0.95)], dark)
        stage.fill(curve([(x + s * n * 0.4, y - n * 1.0), (x + s * n * 0.26, y - n * 0.88), (x + s * n * 0.1, y - n * 0.62), (x + s * n * 0.2, y - n * 0.6), (x + s * n * 0.34, y - n * 0.88)]), mane)
        stage.disc(x + s * n * 0.5, y - n * 0.87, n * 0.016, (18, 16, 20))
    grass(stage, y - 6, 20)
