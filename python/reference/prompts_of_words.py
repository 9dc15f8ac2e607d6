"""Ten thousand prompts nobody would write, in every script there are words of."""

import random
import unicodedata

from corpus import EMOJI, ENGLISH, ODD, SENTENCES, SPACES

BLOCKS = [(0x20, 0x7F), (0x80, 0x250), (0x250, 0x370), (0x370, 0x590), (0x590, 0x780), (0x900, 0xE00), (0xE00, 0x1200), (0x1200, 0x1400), (0x1E00, 0x2000),
          (0x2000, 0x2C00), (0x2E80, 0x3400), (0x4E00, 0xA000), (0xA000, 0xAC00), (0xAC00, 0xD7A4), (0xF900, 0xFFFE), (0x10000, 0x11000),
          (0x1D400, 0x1D800), (0x1F000, 0x1FB00), (0x20000, 0x20100), (0xE0000, 0xE0080)]


def characters(rng: random.Random, count: int) -> str:
    """Random code points of one block, or now and then of any."""
    first, last = rng.choice(BLOCKS) if rng.random() < 0.9 else (0, 0x110000)
    points = (rng.randrange(first, last) for _ in range(count))
    return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)


def piece(rng: random.Random, words: list[str]) -> str:
    roll = rng.random()
    if roll < 0.62:
        word = rng.choice(words)
    elif roll < 0.72:
        word = rng.choice(ODD)
    elif roll < 0.80:
        word = rng.choice(EMOJI)
    elif roll < 0.90:
        word = characters(rng, rng.randint(1, 5))
    else:
        word = str(rng.randrange(10 ** rng.randint(1, 5)))
    shape = rng.random()
    if shape < 0.08:
        return word.upper()
    if shape < 0.14:
        return word.title()
    if shape < 0.18:
        return unicodedata.normalize(rng.choice(["NFD", "NFC", "NFKC", "NFKD"]), word)
    return word


def prompt(rng: random.Random) -> str:
    language = rng.choice(["english", "english", *SENTENCES])
    words = (ENGLISH if language == "english" else SENTENCES[language]).split()
    plain = rng.random() < 0.35
    parts = []
    for _ in range(rng.choice([1, 1, 2, 2, 3, 4, 6])):
        parts.append(rng.choice(words) if plain else piece(rng, words))
        parts.append(" " if plain or rng.random() < 0.7 else rng.choice([*SPACES, ", ", ",", "", "", ".", ":", "-"]))
    return "".join(parts if rng.random() < 0.3 else parts[:-1])


def prompts(count: int, seed: int) -> list[str]:
    """The empty one, blank ones, long ones, every odd thing alone, then random ones; none twice."""
    rng = random.Random(seed)
    known: dict[str, None] = dict.fromkeys(["", *SPACES, *ODD, *EMOJI, *SENTENCES.values(), ENGLISH])
    for space in SPACES:
        known |= dict.fromkeys([f"a{space}b", f"{space}a{space}", f"a {space} b", f"'{space}s"])
    for odd in ODD:
        known |= dict.fromkeys([f"a{odd}b", f"a {odd} b", f"{odd}{odd}", f"1{odd}2"])
    for text in ("a lighthouse at night, ", "\u96ea", "\U0001f6b2", "antidisestablishmentarianism", "!?"):
        known |= dict.fromkeys(text * repeat for repeat in (10, 60))
    while len(known) < count:
        known[prompt(rng)] = None
    return list(known)[:count]
