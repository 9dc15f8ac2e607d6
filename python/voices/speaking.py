"""Writes tests/fixtures/voices/speaking.onnx: a Piper voice that can be understood, made of pieces of espeak-ng.

Each phoneme is a piece of sound that espeak-ng made of it somewhere in a few sentences, and lasts as long as that
piece; so its durations are known to the sample, and it sounds enough like speech to be aligned with.

    python python/voices/speaking.py
"""

import ctypes
import json
import pathlib
import unicodedata

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

OUT = pathlib.Path(__file__).parents[2] / "tests" / "fixtures" / "voices"
RATE, HOP, LONGEST = 11_025, 64, 1_536
VOICES = {"en-us": "en-us+m3", "es": "es+m3", "de": "de+m3"}

TEXTS = {
    "en-us": [
        "The quick brown fox jumps over the lazy dog, and she asked him why he was there.",
        "Every boy should join our young choir; both measured the usual pleasure with joy.",
        "We heard a strange noise near the church, but nobody opened the gate that evening.",
        "In nineteen eighty-four it cost five million dollars to buy the old house above the bay.",
        "Look, this book is good, and my mother thinks that pure water is about right for you.",
    ],
    "es": [
        "El veloz murciélago hindú comía feliz cardillo y kiwi, y la cigüeña tocaba el saxofón detrás del palenque.",
        "Nadie sabe quién construyó el viejo faro que se alza sobre la bahía, ni por qué lo llamaron así.",
        "El niño corrió hacia el río, llovía mucho y su guitarra se quedó en la calle junto al gran jardín.",
    ],
    "de": [
        "Zwölf große Boxkämpfer jagen Viktor quer über den Sylter Deich, und niemand weiß, warum sie das tun.",
        "Der alte Leuchtturm steht über der Bucht; ich möchte nach Hause, sagte sie leise zu ihrem Freund.",
        "Tausende Vögel füllten den schönen Himmel, und wir gingen schweigend durch den kühlen Regen.",
    ],
}


class Event(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("unique", ctypes.c_uint), ("text", ctypes.c_int), ("length", ctypes.c_int),
                ("milliseconds", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p), ("name", ctypes.c_char * 8)]


library = ctypes.CDLL("libespeak-ng.so.1")
Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
heard, events = [], []


@Callback
def keep(wave, count, list_of):
    if wave:
        heard.append(np.array(wave[:count], np.float32) / 32768)
    index = 0
    while list_of[index].kind:
        if list_of[index].kind == 7:
            events.append((list_of[index].name.decode("utf-8", "ignore"), list_of[index].sample))
        index += 1
    return 0


def pieces() -> dict[str, np.ndarray]:
    """A piece of sound for each code point of IPA."""
    rate = library.espeak_Initialize(2, 0, None, 0x8000 | 3)
    assert rate == 2 * RATE, rate
    library.espeak_SetSynthCallback(keep)
    found: dict[str, list[np.ndarray]] = {}
    for language, texts in TEXTS.items():
        assert library.espeak_SetVoiceByName(VOICES[language].encode()) == 0
        library.espeak_SetParameter(1, 130, 0)
        library.espeak_SetParameter(3, 40, 0)
        for text in texts:
            heard.clear(), events.clear()
            data = text.encode()
            library.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
            sound = np.concatenate(heard)
            for (name, start), (_, end) in zip(events, events[1:] + [("", len(sound))]):
                symbols = [c for c in unicodedata.normalize("NFD", name) if c not in "ˈˌ_: "]
                if not symbols or end - start < 0.01 * rate:
                    continue
                step = (end - start) / len(symbols)
                for index, symbol in enumerate(symbols):
                    piece = sound[int(start + index * step) : int(start + (index + 1) * step)]
                    piece = piece[: len(piece) // 2 * 2].reshape(-1, rate // RATE).mean(1)
                    found.setdefault(symbol, []).append(piece)
    chosen = {}
    for symbol, parts in found.items():
        parts.sort(key=len)
        piece = parts[len(parts) // 2][:LONGEST].copy()
        ramp = min(22, len(piece) // 4)
        piece[:ramp] *= np.linspace(0, 1, ramp)
        piece[len(piece) - ramp :] *= np.linspace(1, 0, ramp)
        chosen[symbol] = piece
    return chosen


def main() -> None:
    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP as ids

    symbols = max(i for row in ids.values() for i in row) + 1
    frames = np.zeros(symbols, np.float32)
    rows, row_of = [np.zeros(LONGEST, np.int8)], np.zeros(symbols, np.int64)
    for symbol, silence in {"^": 8, "$": 8, " ": 0, ",": 40, ";": 40, ":": 40, ".": 30, "?": 30, "!": 30}.items():
        frames[ids[symbol][0]] = silence
    for symbol, piece in pieces().items():
        if symbol in ids:
            row = np.zeros(LONGEST, np.int8)
            row[: len(piece)] = np.clip(np.round(piece * 127 / 0.6), -127, 127)
            row_of[ids[symbol][0]] = len(rows)
            rows.append(row)
            frames[ids[symbol][0]] = np.ceil(len(piece) / HOP)
    constants = [nh.from_array(np.asarray(value), name) for name, value in {
        "frames_of": frames, "row_of": row_of, "pieces": np.stack(rows).ravel(), "hop": np.float32(HOP), "zero": np.float32(0),
        "one": np.float32(1), "flat": np.array([-1]), "column": np.array([-1, 1]), "axis": np.array([1]), "first": np.int64(0),
        "width": np.int64(LONGEST), "last": np.int64(LONGEST - 1), "loud": np.float32(0.6 / 127), "shape": np.array([1, 1, 1, -1]),
        "scale": np.int64(1)}.items()]
    nodes = [
        h.make_node("Gather", ["scales", "scale"], ["length_scale"]),
        h.make_node("Reshape", ["input", "flat"], ["ids"]),
        h.make_node("Gather", ["frames_of", "ids"], ["own"]),
        h.make_node("Mul", ["own", "length_scale"], ["wanted"]),
        h.make_node("Ceil", ["wanted"], ["w"]),
        h.make_node("Mul", ["w", "hop"], ["lengths"]),
        h.make_node("CumSum", ["lengths", "first"], ["ends"]),
        h.make_node("Sub", ["ends", "lengths"], ["starts"]),
        h.make_node("ReduceSum", ["lengths"], ["total"], keepdims=0),
        h.make_node("Range", ["zero", "total", "one"], ["t"]),
        h.make_node("Reshape", ["t", "column"], ["times"]),
        h.make_node("GreaterOrEqual", ["times", "ends"], ["passed"]),
        h.make_node("Cast", ["passed"], ["counted"], to=T.INT64),
        h.make_node("ReduceSum", ["counted", "axis"], ["which"], keepdims=0),
        h.make_node("Gather", ["starts", "which"], ["begun"]),
        h.make_node("Sub", ["t", "begun"], ["since"]),
        h.make_node("Cast", ["since"], ["offset"], to=T.INT64),
        h.make_node("Min", ["offset", "last"], ["inside"]),
        h.make_node("Gather", ["row_of", "ids"], ["rows"]),
        h.make_node("Gather", ["rows", "which"], ["row"]),
        h.make_node("Mul", ["row", "width"], ["begin"]),
        h.make_node("Add", ["begin", "inside"], ["at"]),
        h.make_node("Gather", ["pieces", "at"], ["raw"]),
        h.make_node("Cast", ["raw"], ["number"], to=T.FLOAT),
        h.make_node("Mul", ["number", "loud"], ["sound"]),
        h.make_node("Reshape", ["sound", "shape"], ["output"]),
    ]
    inputs = [h.make_tensor_value_info("input", T.INT64, ["batch", "phonemes"]), h.make_tensor_value_info("input_lengths", T.INT64, ["batch"]),
              h.make_tensor_value_info("scales", T.FLOAT, [3])]
    graph = h.make_graph(nodes, "speaking", inputs, [h.make_tensor_value_info("output", T.FLOAT, ["b", "o", "p", "time"])], constants)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, OUT / "speaking.onnx")
    config = {"audio": {"sample_rate": RATE}, "espeak": {"voice": "en-us"}, "phoneme_type": "espeak", "num_symbols": symbols,
              "num_speakers": 1, "inference": {"noise_scale": 0.0, "length_scale": 1, "noise_w": 0.0}, "phoneme_id_map": ids,
              "speaker_id_map": {}, "hop_length": HOP, "piper_version": "1.0.0"}
    (OUT / "speaking.onnx.json").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    print(len(rows), "pieces", frames.max())


if __name__ == "__main__":
    main()
