"""Writes tests/fixtures/voices: self-made voices, and what piper-tts and kokoro-onnx make of them.

Both packages read with the espeak-ng installed on this machine instead of the one they bring, because other
versions of espeak-ng read some words otherwise (more than half of the sentences).

    python python/voices/reference.py
"""

import ctypes
import hashlib
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import toy  # noqa: E402
from corpus import sentences  # noqa: E402

OUT = pathlib.Path(__file__).parents[2] / "tests" / "fixtures" / "voices"

library = ctypes.CDLL("libespeak-ng.so.1")
library.espeak_TextToPhonemes.restype = ctypes.c_char_p


def installed(bridge):
    """`get_phonemes` of the bridge to Piper's own espeak-ng, with the sounds of the installed one."""
    library.espeak_Initialize(2, 0, None, 0x8000)
    own, set_own = bridge.get_phonemes, bridge.set_voice

    def set_voice(voice):
        set_own(voice)
        assert library.espeak_SetVoiceByName(voice.encode()) == 0, voice

    def get_phonemes(text):
        buffer = ctypes.create_string_buffer(text.encode())
        at = ctypes.c_void_p(ctypes.addressof(buffer))
        sounds = []
        while at.value:
            sounds.append(library.espeak_TextToPhonemes(ctypes.byref(at), 1, 2).decode())
        clauses = own(text)
        assert len(clauses) == len(sounds), (text, clauses, sounds)
        return [(sound, mark, ends) for sound, (_, mark, ends) in zip(sounds, clauses)]

    bridge.set_voice, bridge.get_phonemes = set_voice, get_phonemes


def digest(ids) -> str:
    return hashlib.sha256(np.asarray(ids, "<i8").tobytes()).hexdigest()[:12]


def thin(audio) -> list[float]:
    """Every 499th sample, which is enough to tell two tones apart."""
    return [round(float(x), 6) for x in np.asarray(audio).ravel()[::499]]


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    toy.piper(str(OUT / "piper.onnx"))
    toy.piper(str(OUT / "piper-two.onnx"), multi=True)
    (OUT / "kokoro").mkdir(exist_ok=True)
    voices = str(OUT / "kokoro" / "voices.bin")
    toy.kokoro(str(OUT / "kokoro" / "untimed.onnx"), voices)
    toy.kokoro(str(OUT / "kokoro" / "model.onnx"), voices, tok="input_ids", duration=True)

    from piper import PiperVoice, SynthesisConfig, espeakbridge

    installed(espeakbridge)
    voice = PiperVoice.load(OUT / "piper.onnx", include_alignments=True)
    quiet = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0, normalize_audio=False)
    rows, spoken = [], []
    for index, (language, text) in enumerate(sentences()):
        voice.config.espeak_voice = language
        parts = voice.phonemize(text)
        ids = [voice.phonemes_to_ids(part) for part in parts]
        rows.append([language, text, digest([i for part in ids for i in part])])
        if index % 250 == 0:
            chunks = list(voice.synthesize(text, quiet, include_alignments=True))
            audio = np.concatenate([chunk.audio_float_array for chunk in chunks])
            spans = [[a.phoneme, int(a.num_samples)] for chunk in chunks for a in chunk.phoneme_alignments]
            spoken.append({"voice": language, "text": text, "samples": len(audio), "thin": thin(audio), "spans": spans})

    from kokoro_onnx import EspeakConfig, Kokoro

    library.espeak_Info.restype = ctypes.c_char_p
    path = ctypes.c_char_p()
    library.espeak_Info(ctypes.byref(path))
    reader = EspeakConfig(lib_path="libespeak-ng.so.1", data_path=path.value.decode())
    kokoro = Kokoro(str(OUT / "kokoro" / "model.onnx"), voices, espeak_config=reader)
    for row in rows:
        phonemes = kokoro.tokenizer.phonemize(row[1], {"fr": "fr-fr"}.get(row[0], row[0]))
        phonemes = " ".join(phonemes.split())
        row.append(digest(kokoro.tokenizer.tokenize(phonemes)))
    toned = []
    for row in rows[::250]:
        options = {"voice": "af_toy", "lang": {"fr": "fr-fr"}.get(row[0], row[0]), "trim": False, "sentence_pause": 0.0, "clause_pause": 0.0}
        audio, _, timings = kokoro.create_timed(row[1], **options)
        spans = [[t.phoneme, round(t.start * 24000), round(t.end * 24000)] for t in timings]
        toned.append({"voice": row[0], "text": row[1], "samples": len(audio), "thin": thin(audio), "spans": spans})

    # espeak-ng voice, text, digest of Piper's ids, digest of Kokoro's tokens.
    with open(OUT / "phonemes.tsv", "w", encoding="utf-8") as file:
        for row in rows:
            file.write("\t".join(row) + "\n")
    with open(OUT / "spoken.json", "w", encoding="utf-8") as file:
        json.dump({"piper": spoken, "kokoro": toned}, file, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
