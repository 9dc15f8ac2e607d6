"""Captions: what a scene shows, in words that vary in choice and order, as people and as the rules director would write them.

A tenth of the wordings (`HELD_OUT`) is never trained on; the figures are measured on those.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from .scene import Scene

SUBJECTS_FILE = Path(__file__).parents[3] / "assets" / "subjects.yaml"

SUBJECT_WORDS: dict[str, tuple[str, ...]] = {
    "mountains": ("snowy mountains", "mountains", "a mountain range", "alpine peaks", "tall rocky mountains", "mountain peaks with snow", "the high alps"),
    "desert": ("a desert with sand dunes", "a desert", "sand dunes", "dry dunes", "the sahara desert", "a hot sandy desert", "endless sand dunes"),
    "forest": ("a pine forest", "a forest", "the deep woods", "pine trees", "a dense forest of conifers", "a woodland", "tall pines in the woods"),
    "meadow": ("a green meadow with rolling hills", "a meadow", "green hills", "rolling fields", "grassy hills", "a field of grass", "gentle green hills"),
    "flower field": ("a field of flowers", "flowers", "a flower meadow", "blooming flowers", "a garden in bloom", "wild flowers", "a meadow full of flowers", "colourful blossoms in a field", "a field full of blooming flowers"),
    "single tree": ("a single large tree on a hill", "a lone tree", "a big old tree", "one tree", "an oak tree on a hill", "a tree standing alone", "a solitary tree"),
    "road": ("a long straight road to the horizon", "a road", "an empty highway", "a country road", "the open road", "a highway to the horizon", "a straight road ahead"),
    "campfire": ("a campfire with a tent in the woods", "a campfire", "a burning fire by a tent", "a bonfire at a camp", "a camp with a fire", "flames of a campfire", "a tent beside a fire"),
    "cave": ("the mouth of a cave", "a cave", "a view out of a cavern", "a dark cave", "inside a cave", "a cavern of rock", "a rocky cave with stalactites", "the entrance of a cavern", "a view from inside a dark cavern"),
    "sea": ("the open sea with waves", "the sea", "the ocean", "ocean waves", "open water", "waves on the sea", "a wide ocean"),
    "beach": ("a beach with a palm tree", "a beach", "a tropical shore", "a sandy beach", "a palm tree by the sea", "a seaside with sand", "a tropical beach"),
    "lake": ("a lake that mirrors the mountains", "a lake", "a calm lake", "a mountain lake", "still water with reflections", "a quiet lake", "a mirror lake"),
    "river": ("a winding river", "a river", "a stream through green hills", "a river in a valley", "a small river", "a stream that winds along", "a river bend between meadows", "a winding stream in a valley"),
    "waterfall": ("a waterfall between cliffs", "a waterfall", "falling water", "cascades in the rocks", "a tall waterfall", "water falling over a cliff", "a great waterfall", "a high waterfall in the rocks"),
    "lighthouse": ("a lighthouse on a cliff by the sea", "a lighthouse", "a red and white lighthouse", "a beacon on the coast", "a lighthouse above the sea", "a coastal lighthouse", "a striped lighthouse"),
    "harbour": ("a harbour with sailing boats", "a harbor", "boats in a port", "a marina", "a harbour", "sailing boats in a marina", "a small port with boats", "the old harbour of a town", "boats and houses in a harbour"),
    "bridge": ("a suspension bridge", "a bridge", "a long bridge over water", "a bridge across the bay", "a great bridge", "a red bridge", "a bridge with tall towers", "a long suspension bridge across a bay"),
    "underwater": ("underwater with fish and corals", "underwater", "fish in the deep", "a coral reef with fish", "under the sea", "a reef full of fish", "fish swimming"),
    "whale": ("a whale leaping out of the sea", "a whale", "a breaching whale", "a humpback whale", "a blue whale", "a whale with a spout", "a giant whale in the sea", "a huge whale in the ocean"),
    "city skyline": ("a city skyline with skyscrapers", "a city skyline", "skyscrapers", "a big city", "downtown towers", "tall buildings of a city", "a modern metropolis"),
    "street": ("a street between houses with street lamps", "a city street", "a street", "an empty street", "a road between buildings", "a town street with lamps", "an avenue with houses"),
    "house": ("a cottage with a red roof", "a house", "a small cottage", "a home in the country", "a cozy house", "a house with a garden", "a little country house"),
    "castle": ("a castle with towers on a hill", "a castle", "a medieval castle", "a fairytale castle", "an old fortress with towers", "a royal castle", "a stone castle"),
    "train": ("a train on its way", "a train", "a passenger train", "a railway with a train", "a fast train", "a train in the country", "a locomotive with wagons", "an express train", "a passenger train on a railway"),
    "room with window": ("a room with a window, an armchair and a plant", "a room with a window", "a living room", "an armchair by the window", "a cozy room", "the inside of a home", "an interior with a window"),
    "desk": ("a desk with a laptop", "a desk", "a workplace with a computer", "a home office", "a desk by the window", "a laptop on a table", "a computer on a desk", "an office desk with a computer"),
    "library": ("a library with shelves of books", "a library", "bookshelves", "a wall of books", "an old library", "a library with a ladder", "rows of bookshelves", "a quiet library", "a library full of bookshelves"),
    "space": ("outer space with a ringed planet", "outer space", "a planet with rings", "planets and stars", "the universe", "a planet in the cosmos", "a galaxy with planets"),
    "moon surface": ("the surface of the moon with the earth above", "the moon surface", "lunar craters", "the earth seen from the moon", "the surface of the moon", "on the moon", "a lunar landscape", "craters on the moon", "the lunar surface with craters"),
    "rocket": ("a rocket taking off", "a rocket", "a rocket launch", "a spaceship lifting off", "a launching rocket", "a rocket in flight", "a space rocket with flames"),
    "birds": ("birds in flight", "birds", "a flock of birds", "flying birds", "seagulls", "a flock of gulls", "birds in the sky", "gulls flying", "many birds flying in the sky"),
    "person": ("a person standing alone, seen from behind", "a person", "a lone figure", "a man standing alone", "a woman looking away", "someone alone", "a single person from behind"),
    "couple": ("a couple holding hands", "a couple", "two people together", "two friends", "lovers holding hands", "two people hand in hand", "a pair of people"),
    "crowd": ("a crowd of people", "a crowd", "many people", "an audience", "a big crowd", "a mass of people", "lots of people", "a gathering of people", "a large crowd of many people"),
    "cat": ("a cat sitting on the ground", "a cat", "a sitting cat", "a cute kitten", "a cat with green eyes", "a house cat", "one cat looking at you"),
    "dog": ("a dog sitting on the ground", "a dog", "a good dog", "a puppy", "a loyal dog", "a sitting dog", "a little dog with a collar", "a cute puppy", "a dog that sits"),
    "horse": ("a horse in a field", "a horse", "a standing horse", "a wild horse", "a brown horse", "a pony", "a horse with a mane", "a stallion in a meadow", "a wild horse in a meadow"),
    "rising chart": ("a rising bar chart with an arrow", "a rising chart", "a bar chart", "a growth graph", "bars and a line going up", "a stock chart going up", "a graph that rises"),
    "coins": ("stacks of gold coins", "gold coins", "piles of coins", "a lot of money", "stacked coins", "towers of golden coins", "a treasure of coins"),
    "network": ("a glowing network of connected nodes", "a network", "connected nodes", "a web of glowing points", "a digital network", "a neural network of lights", "linked glowing dots"),
    "book": ("an open book", "a book", "an open book with glowing pages", "a storybook", "a book on a table", "a big book", "a magic book", "pages of a book", "a magic book with open pages"),
    "lightbulb": ("a glowing lightbulb", "a lightbulb", "a light bulb", "a bright idea bulb", "a shining bulb", "a lamp bulb that glows", "one glowing electric bulb"),
    "heart": ("a large red heart", "a heart", "a red heart", "a big heart of love", "a heart shape", "a shiny red heart", "a love heart"),
    "clock": ("a large alarm clock", "a clock", "an alarm clock", "a clock face", "a ticking clock", "a big round clock", "a clock with two hands"),
    "abstract waves": ("abstract waves", "flowing layers of colour", "a smooth abstract background", "abstract shapes", "flowing abstract waves", "layers of colour", "an abstract background", "smooth waves of colour"),
    "particles": ("floating particles of light", "glowing particles", "an abstract cloud of lights", "particles", "floating particles", "particles of light", "sparkling particles", "a cloud of glowing particles"),
}

NOUNS: dict[str, tuple[str, ...]] = {
    "mountains": ("mountains", "peaks", "alps", "summits", "a mountain"),
    "desert": ("desert", "dunes", "sand dunes", "sahara"),
    "forest": ("forest", "woods", "pines", "pine trees", "woodland", "conifers"),
    "meadow": ("meadow", "green hills", "fields of grass", "grassland", "pasture"),
    "flower field": ("flowers", "flower field", "blossoms", "wild flowers", "flower garden"),
    "single tree": ("tree", "oak tree", "lone tree", "oak"),
    "road": ("road", "highway", "country road", "open road", "route"),
    "campfire": ("campfire", "bonfire", "camp with a tent", "tent and fire"),
    "cave": ("cave", "cavern", "cave mouth"),
    "sea": ("sea", "ocean", "waves", "open sea", "ocean waves"),
    "beach": ("beach", "palm beach", "sandy shore", "tropical shore", "palm tree"),
    "lake": ("lake", "mountain lake", "pond", "calm lake"),
    "river": ("river", "stream", "winding river"),
    "waterfall": ("waterfall", "cascade", "falling water"),
    "lighthouse": ("lighthouse", "beacon", "coastal lighthouse"),
    "harbour": ("harbour", "harbor", "port", "marina", "sailing boats"),
    "bridge": ("bridge", "suspension bridge"),
    "underwater": ("fish", "coral reef", "reef", "corals", "underwater world"),
    "whale": ("whale", "humpback whale", "blue whale"),
    "city skyline": ("city", "skyline", "skyscrapers", "metropolis", "downtown", "city towers"),
    "street": ("street", "town street", "city street", "avenue", "street lamps"),
    "house": ("house", "cottage", "home", "country house"),
    "castle": ("castle", "fortress", "palace", "medieval castle"),
    "train": ("train", "railway", "passenger train", "locomotive"),
    "room with window": ("room", "living room", "interior", "armchair", "cozy room"),
    "desk": ("desk", "laptop", "home office", "workplace", "computer"),
    "library": ("library", "bookshelves", "shelves of books"),
    "space": ("space", "planet", "planets", "ringed planet", "universe", "galaxy", "cosmos", "outer space"),
    "moon surface": ("moon surface", "lunar surface", "craters", "moon landscape", "lunar craters"),
    "rocket": ("rocket", "spaceship", "rocket launch", "space rocket"),
    "birds": ("birds", "seagulls", "gulls", "flock of birds"),
    "person": ("person", "man", "woman", "figure", "lone person"),
    "couple": ("couple", "two people", "lovers", "two friends", "pair"),
    "crowd": ("crowd", "audience", "people in a crowd", "many people"),
    "cat": ("cat", "kitten", "house cat"),
    "dog": ("dog", "puppy", "hound"),
    "horse": ("horse", "pony", "stallion"),
    "rising chart": ("chart", "graph", "bar chart", "stock chart", "rising bars", "growth graph"),
    "coins": ("coins", "gold coins", "money", "stacked coins", "gold"),
    "network": ("network", "nodes", "connected nodes", "connected dots", "web of nodes", "linked points"),
    "book": ("book", "open book", "storybook", "book pages"),
    "lightbulb": ("lightbulb", "light bulb", "bulb", "electric bulb"),
    "heart": ("heart", "red heart", "heart shape"),
    "clock": ("clock", "alarm clock", "clock face"),
    "abstract waves": ("abstract waves", "waves of colour", "abstract shapes", "abstract background"),
    "particles": ("particles", "particles of light", "floating lights", "light particles"),
}
"""What each subject is called at its barest; `caption` puts other words around it, so that the reader learns which one matters."""

BEFORE = ("a", "the", "one", "some", "my", "this", "a small", "a big", "a quiet", "the old", "a beautiful", "a strange", "the last", "a famous", "a bright", "our", "a lovely", "the first", "a great", "a distant", "a simple", "an empty", "a hidden", "a mysterious", "an enormous", "a lonely", "a little", "the modern", "a peaceful", "a single", "many", "two", "huge", "endless", "wide", "tall", "a magical")
AFTER = ("far away", "in the distance", "close up", "in the middle", "of the world", "nearby", "ahead", "on its own", "from above", "seen from afar", "in the background", "in front", "around us", "before me", "with many colours", "of my childhood", "full of life", "in the open", "that waits", "standing there", "beside you")

LIGHT_WORDS: dict[str, tuple[str, ...]] = {
    "dawn": ("at dawn", "dawn", "at daybreak", "at first light", "at sunrise", "pink dawn light", "before the sun is up", "at break of day", "early in the morning at dawn", "in the light of dawn"),
    "morning": ("in the morning light", "morning", "in the morning", "in early morning sun", "fresh morning light", "on a bright morning", "soft morning", "morning sun", "in the fresh morning sun"),
    "noon": ("at noon", "noon", "at midday", "in broad daylight", "under a blue sky", "on a sunny day", "daytime", "at high noon", "bright midday sun", "a sunny afternoon", "in bright daylight at noon"),
    "golden hour": ("in the golden hour", "golden hour", "in warm golden light", "in late afternoon sun", "golden light", "bathed in gold", "warm amber light", "golden glow", "in the glow of the golden hour"),
    "sunset": ("at sunset", "sunset", "under a red evening sky", "at sundown", "as the sun goes down", "fiery sunset sky", "red sunset light", "in the evening sun", "under a red sunset sky"),
    "dusk": ("at dusk", "dusk", "at twilight", "in the blue hour", "at nightfall", "purple twilight", "in the violet evening", "after sunset", "in purple dusk light"),
    "night": ("at night", "night", "under the stars", "by moonlight", "in the dark of night", "under the moon", "a starry night", "at midnight", "in darkness", "a dark night full of stars"),
    "aurora": ("under the northern lights", "aurora", "with northern lights", "under an aurora", "polar lights in the sky", "green aurora borealis", "an aurora over it", "beneath dancing northern lights"),
}

WEATHER_WORDS: dict[str, tuple[str, ...]] = {
    "clear": ("clear sky", "clear", "clear weather", "a cloudless sky", "fair weather", "no clouds", "in fair clear weather"),
    "cloudy": ("with clouds", "cloudy", "under many clouds", "cloudy sky", "overcast", "grey clouds", "on an overcast cloudy day"),
    "rain": ("in the rain", "rain", "rainy", "falling rain", "on a rainy day", "raindrops", "heavy rain", "while it rains, in falling rain"),
    "snow": ("in falling snow", "snow", "snowy", "snowing", "snowflakes", "in winter snow", "snowfall", "with snow falling"),
    "fog": ("in thick fog", "fog", "foggy", "mist", "misty", "wrapped in fog", "haze", "in dense mist and fog"),
    "storm": ("in a thunderstorm", "storm", "stormy", "lightning", "storm with lightning", "under thunder clouds", "thunder and rain", "in a storm with thunder"),
}

STYLE_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "cinematic": (("cinematic film still", "dramatic lighting, teal and orange"), ("cinematic", "dramatic lighting"), ("movie scene", "cinematic grading"), ("cinematic shot", "film look")),
    "watercolor": (("watercolor painting", "soft pigment on paper"), ("watercolor", "on textured paper"), ("a watercolour", "soft washes"), ("aquarelle", "painted by hand")),
    "anime": (("anime illustration", "vivid colors, clean lines"), ("anime", "vivid colors"), ("anime style", "clean lines"), ("japanese animation", "cel shading")),
    "noir": (("black and white noir photograph", "high contrast, deep shadows"), ("noir", "black and white"), ("film noir", "high contrast"), ("monochrome", "deep shadows")),
    "neon": (("neon synthwave art", "glowing pink and cyan"), ("neon", "glowing lines"), ("synthwave", "pink and cyan"), ("cyberpunk neon", "glowing edges")),
    "documentary": (("documentary photograph", "natural colors"), ("documentary", "natural light"), ("documentary style", "realistic"), ("reportage photo", "plain colors")),
    "minimal": (("minimal flat illustration", "simple shapes, pale colors"), ("minimal", "simple shapes"), ("minimalist", "pale colors"), ("flat minimal art", "few details")),
    "vintage": (("vintage photograph", "sepia, faded, film grain"), ("vintage", "sepia"), ("old faded photo", "film grain"), ("retro photograph", "aged paper tones")),
}

FILLERS = (
    "highly detailed", "vertical composition", "beautiful", "masterpiece", "wide shot", "sharp focus", "no text", "best quality", "quiet mood", "epic", "a story about",
    "in the year", "the first", "they said", "nobody knew", "once upon a time", "imagine", "and then", "because of", "Mia", "Tom", "seven", "1969", "never again",
    "full of wonder", "for everyone", "centered", "trending", "soft", "great", "slowly", "with her", "of the world", "it was", "hundreds of", "and also", "portrait format",
)  # fmt: skip

UNSAID = {"light": "noon", "weather": "clear", "style": "anime"}
"""What goes without saying: a caption that names no light means noon, and so on, so that few words still give one clear picture."""

HELD_OUT = 1
"""This many last wordings of each list of six or more are kept for the figures."""


@dataclass(frozen=True)
class Caption:
    """The words and what they name; what they leave open is empty."""

    text: str
    subject: str
    light: str
    weather: str
    style: str


@lru_cache(maxsize=1)
def _script_words() -> dict[str, tuple[str, ...]]:
    """The words of scripts that lead to each subject; those of several subjects are left out."""
    data = yaml.safe_load(SUBJECTS_FILE.read_text())
    count: dict[str, int] = {}
    for subject in data["subjects"]:
        for word in subject["words"]:
            count[word] = count.get(word, 0) + 1
    return {s["name"]: tuple(w for w in s["words"] if count[w] == 1) for s in data["subjects"]}


def _one(words: tuple[str, ...], rng: random.Random, held_out: bool) -> str:
    if len(words) < 6:
        return rng.choice(words)
    if held_out:
        return words[-HELD_OUT]
    known = words[:-HELD_OUT]
    return known[0] if rng.random() < 0.35 else rng.choice(known)


def _around(noun: str, subject: str, rng: random.Random) -> str:
    """The bare noun with words before or after it; never the wording that is held out."""
    kept = SUBJECT_WORDS[subject][-1]
    while True:
        words = noun
        if rng.random() < 0.7 and not noun.startswith("a "):
            words = f"{rng.choice(BEFORE)} {words}"
        if rng.random() < 0.35:
            words = f"{words} {rng.choice(AFTER)}"
        if kept not in words:
            return words


def caption(scene: Scene, rng: random.Random, held_out: bool = False, named: bool = False) -> Caption:
    """Words for the scene; `named` names everything; `held_out` does, too, in the wordings that training never sees."""
    named = named or held_out
    subject = _one(SUBJECT_WORDS[scene.subject], rng, held_out)
    script = _script_words().get(scene.subject, ())
    if not held_out and script and rng.random() < 0.12:
        subject = rng.choice(script) if rng.random() < 0.5 else f"{subject}, {rng.choice(script)}"
    elif not held_out and rng.random() < 0.4:
        subject = _around(rng.choice(NOUNS[scene.subject]), scene.subject, rng)
    named_light = scene.light if named or scene.light != UNSAID["light"] or rng.random() < 0.6 else ""
    named_weather = scene.weather if named or scene.weather != UNSAID["weather"] or rng.random() < 0.5 else ""
    named_style = scene.style if named or scene.style != UNSAID["style"] or rng.random() < 0.6 else ""
    light = _one(LIGHT_WORDS[scene.light], rng, held_out) if named_light else ""
    weather = _one(WEATHER_WORDS[scene.weather], rng, held_out) if named_weather else ""
    prefix = suffix = ""
    if named_style:
        styles = STYLE_WORDS[scene.style]
        prefix, suffix = styles[0] if rng.random() < 0.45 else rng.choice(styles)
        if rng.random() < 0.25:
            suffix = ""
    form = rng.random()
    if form < 0.6:
        parts = [prefix, subject, light, weather, suffix]
        if rng.random() < 0.2:
            parts = [subject, light, weather, prefix, suffix]
    elif form < 0.85:
        parts = [" ".join(p for p in (subject, light, weather) if p), prefix, suffix]
        if rng.random() < 0.5:
            parts = [parts[1], parts[0], parts[2]]
    else:
        parts = [f"{prefix} of {subject}" if prefix else f"a picture of {subject}", light, weather]
        if rng.random() < 0.5:
            parts[1], parts[2] = parts[2], parts[1]
    parts = [p for p in parts if p]
    while not held_out and rng.random() < 0.22:
        parts.insert(rng.randint(0, len(parts)), rng.choice(FILLERS))
    text = (", " if rng.random() < 0.8 else " ").join(parts)
    return Caption(text, scene.subject, named_light, named_weather, named_style)
