"""Emphasis in prompts, and prompts longer than a text encoder: the rules, stated and carried out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

RULE = """Parsing, as AUTOMATIC1111's web UI documents it: `(x)` multiplies the weight of x by 1.1, `[x]` by 1 / 1.1, `(x:w)` by w; they nest and multiply,
and round and square brackets may cross: each kind closes its own latest. A weight is a colon, spaces, an optional sign, digits with at most one dot, spaces and the
closing parenthesis; it needs an open `(`, and is text without one or where it is no number. A backslash makes the bracket or backslash after it text;
a backslash before anything else vanishes. A closing bracket without an open one is text; what is open at the end closes there (round by 1.1, square by 1 / 1.1).
Neighbours of one weight are one part; nothing at all is one empty part of weight 1. Weights are products of 64-bit floats, in the order in which the brackets close.
Tokens: each part is tokenized alone, without start and end; its tokens have its weight. Every 75 tokens (the tokenizer's limit less 2) are a chunk between start and
end, padded like a prompt of its own; start, end and padding weigh 1. Of two prompts (positive and negative) the shorter gets further chunks, of the empty prompt.
Hidden states: the text encoder's answers to the chunks, one after the other along the sequence; m = the mean of all their values; each token's are multiplied by its
weight; then all by m / (their mean now). Where every weight is 1 nothing is multiplied."""

WEIGHT = re.compile(r":\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*\)")
ROUND, SQUARE = 1.1, 1 / 1.1


@dataclass
class Parser:
    parts: list[list[Any]] = field(default_factory=list)
    round: list[int] = field(default_factory=list)
    square: list[int] = field(default_factory=list)

    def text(self, text: str) -> None:
        self.parts.append([text, 1.0])

    def multiply(self, start: int, factor: float) -> None:
        for part in self.parts[start:]:
            part[1] *= factor


def parse(prompt: str) -> list[list[Any]]:
    """The parts of a prompt with their weights."""
    parser, at = Parser(), 0
    while at < len(prompt):
        letter, rest = prompt[at], prompt[at + 1 : at + 2]
        weight = WEIGHT.match(prompt, at) if letter == ":" else None
        at += 1
        if letter == "\\":
            if rest and rest in "\\()[]":
                parser.text(rest)
                at += 1
        elif letter == "(":
            parser.round.append(len(parser.parts))
        elif letter == "[":
            parser.square.append(len(parser.parts))
        elif weight and parser.round:
            parser.multiply(parser.round.pop(), float(weight[1]))
            at = weight.end()
        elif letter == ")" and parser.round:
            parser.multiply(parser.round.pop(), ROUND)
        elif letter == "]" and parser.square:
            parser.multiply(parser.square.pop(), SQUARE)
        else:
            parser.text(letter)
    for start in parser.round:
        parser.multiply(start, ROUND)
    for start in parser.square:
        parser.multiply(start, SQUARE)
    joined: list[list[Any]] = []
    for text, weight in parser.parts:
        if joined and joined[-1][1] == weight:
            joined[-1][0] += text
        else:
            joined.append([text, weight])
    return joined or [["", 1.0]]


@dataclass
class Chunks:
    ids: list[list[int]]
    weights: list[list[float]]

    def padded(self, tokenizer: Any, count: int) -> "Chunks":
        more = count - len(self.ids)
        empty = chunk([], tokenizer)
        return Chunks(self.ids + [empty] * more, self.weights + [[1.0] * len(empty)] * more)


def chunk(tokens: list[int], tokenizer: Any) -> list[int]:
    limit = tokenizer.model_max_length
    ids = [tokenizer.bos_token_id, *tokens, tokenizer.eos_token_id]
    return ids + [tokenizer.pad_token_id] * (limit - len(ids))


def split(values: list[Any], size: int) -> Iterator[list[Any]]:
    yield from (values[at : at + size] for at in range(0, max(len(values), 1), size))


def chunks(prompt: str, tokenizer: Any) -> Chunks:
    tokens: list[int] = []
    weights: list[float] = []
    for text, weight in parse(prompt):
        ids = tokenizer(text, add_special_tokens=False).input_ids
        tokens += ids
        weights += [weight] * len(ids)
    room = tokenizer.model_max_length - 2
    ones = lambda row: [1.0, *row, *[1.0] * (room + 1 - len(row))]
    return Chunks([chunk(row, tokenizer) for row in split(tokens, room)], [ones(row) for row in split(weights, room)])


def hidden_states(text_encoder: Any, made: Chunks) -> tuple[torch.Tensor, float]:
    """The weighted hidden states, (1, chunks * limit, width), and the factor that keeps their mean."""
    states = text_encoder(torch.tensor(made.ids)).last_hidden_state
    states = states.reshape(1, -1, states.shape[-1])
    weights = torch.tensor(made.weights, dtype=torch.float32).reshape(1, -1, 1)
    if bool((weights == 1).all()):
        return states, 1.0
    before = states.mean()
    states = states * weights
    factor = before / states.mean()
    return states * factor, float(factor)
