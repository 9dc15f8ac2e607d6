"""All subjects that the illustrator can draw, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..light import WEATHERS
from ..stage import Stage
from . import beings, ideas, land, made, shores, skyward

ANY = WEATHERS
DRY = ("clear",)


@dataclass(frozen=True)
class Subject:
    """A thing a scene can be about."""

    name: str
    draw: Callable[[Stage], None]
    weathers: tuple[str, ...] = ANY


SUBJECTS: dict[str, Subject] = {
    s.name: s
    for s in (
        Subject("mountains", land.mountains),
        Subject("desert", land.desert),
        Subject("forest", land.forest),
        Subject("meadow", land.meadow),
        Subject("flower field", land.flower_field),
        Subject("single tree", land.single_tree),
        Subject("road", land.road),
        Subject("campfire", land.campfire),
        Subject("cave", land.cave),
        Subject("sea", shores.sea),
        Subject("beach", shores.beach),
        Subject("lake", shores.lake),
        Subject("river", shores.river),
        Subject("waterfall", shores.waterfall),
        Subject("lighthouse", shores.lighthouse),
        Subject("harbour", shores.harbour),
        Subject("bridge", shores.bridge),
        Subject("underwater", shores.underwater, DRY),
        Subject("whale", shores.whale),
        Subject("city skyline", made.city),
        Subject("street", made.street),
        Subject("house", made.house),
        Subject("castle", made.castle),
        Subject("train", made.train),
        Subject("room with window", made.room),
        Subject("desk", made.desk),
        Subject("library", made.library, DRY),
        Subject("space", skyward.space, DRY),
        Subject("moon surface", skyward.moon_surface, DRY),
        Subject("rocket", skyward.rocket),
        Subject("birds", skyward.birds),
        Subject("person", beings.lone_person),
        Subject("couple", beings.couple),
        Subject("crowd", beings.crowd),
        Subject("cat", beings.cat),
        Subject("dog", beings.dog),
        Subject("horse", beings.horse),
        Subject("rising chart", ideas.rising_chart),
        Subject("coins", ideas.coins),
        Subject("network", ideas.network),
        Subject("book", ideas.book),
        Subject("lightbulb", ideas.lightbulb),
        Subject("heart", ideas.heart),
        Subject("clock", ideas.clock),
        Subject("abstract waves", ideas.abstract_waves, DRY),
        Subject("particles", ideas.particles, DRY),
    )
}
"""Every subject, by its name in `assets/subjects.yaml`."""
