"""Byte-pair merges, the same at every run: the trainer of `tokenizers` breaks ties by the order of a hash map."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from tokenizers import Regex, normalizers, pre_tokenizers

Pair = tuple[str, str]
Word = tuple[str, ...]

WORDS = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def words(texts: Iterable[str]) -> Counter[Word]:
    """CLIP's words as letters, the last of which ends the word."""
    normal = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(WORDS), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    found: Counter[Word] = Counter()
    for text in texts:
        for word, _ in split.pre_tokenize_str(normal.normalize_str(text)):
            found[(*word[:-1], word[-1] + "</w>")] += 1
    return found


def merged(word: Word, pair: Pair) -> Word:
    made: list[str] = []
    at = 0
    while at < len(word):
        if word[at : at + 2] == pair:
            made.append(pair[0] + pair[1])
            at += 2
        else:
            made.append(word[at])
            at += 1
    return tuple(made)


def learn(counted: Counter[Word], count: int) -> list[Pair]:
    """The most frequent pair again and again; of equals the first in the alphabet."""
    current = dict.fromkeys(counted)
    spelled: dict[Word, Word] = {word: word for word in current}
    pairs: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[Word]] = defaultdict(set)

    def tally(word: Word, sign: int) -> None:
        for pair in zip(spelled[word], spelled[word][1:]):
            pairs[pair] += sign * counted[word]
            where[pair].add(word)

    for word in current:
        tally(word, 1)
    learned: list[Pair] = []
    while len(learned) < count:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        learned.append(best)
        for word in where.pop(best):
            tally(word, -1)
            spelled[word] = merged(spelled[word], best)
            tally(word, 1)
        del pairs[best]
    return learned
