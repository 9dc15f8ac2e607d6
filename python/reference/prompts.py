"""Cases of prompt weighting and of prompts longer than the text encoder."""

import json
import warnings
from typing import Any

import numpy as np
import torch

import pipelines
import weighting
from arrays import FIXTURES, Arrays, write
from picture_cases import LONG, NEGATIVE, PROMPT

PARSED = [
    "normal text", "an (important) word", "(unbalanced", "\\(literal\\]", "(unnecessary)(parens)", "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
    "", " ", "()", "[]", "(())", "(:1.3)", "a()b", "(a)(b:1.1)", "((a))", "[[a]]", "([a])", "[(a)]", "((a:1.2) b:1.5) c", "(a:0)", "(a:-0.5)", "(a:+1.5)",
    "(a:1.)", "(a:.5)", "(a:.)", "(a:1.2.3)", "(a:1,2)", "(a:b)", "(a: 1.3)", "(a :1.3 )", "(a:1.3", "a:1.3)", "a:1.3", "a: b, c:d", "(a:b:1.3)", "((a):1.3)", "a)b", "a]b",
    "(a]b)", "[a)b]", "(a [b) c]", "[a (b] c)", "[a:1.3]", "[a:0.5)", "([a:0.5)]", "(a (b (c", "[a [b", "(a [b", "\\", "\\\\", "a\\b", "a\\", "\\(a\\)", "(a\\):1.3)", "(a\\)",
    "\\[a\\]", "[a\\]]", "\\:1.3)", "(a\\:1.3)", "(a)b(c)d[e]f", "(a)(b)[c][d]", "(\u96ea:1.3) \u2744\ufe0f (\u0441\u043d\u0435\u0433)", "(a\nb:1.3)\n(c)",
    "((((a))))[[[[b]]]]", "(one, two, (three:1.4):0.7), four", "(a BREAK b)", "<lora:x:0.8>", "(a:1e2)", "(a:00.50)", "(a: -  1)", "(a:1.3)(b:1.3)", "a (b:1) c",
]

TEXTS = [
    ("plain", PROMPT), ("emphasis", "a (red:1.3) bicycle in the [snow]"), ("nested", "((a fox) in the forest:1.2), [watercolor], soft (morning fog:0.6)"),
    ("zero", "a lighthouse (at night:0)"), ("negative-weight", "a lighthouse (at night:-0.4)"), ("empty", ""), ("brackets", "\\(literal\\) don't (stop"),
    ("long", LONG), ("long-weighted", f"(a fox:1.4), {LONG}(neon signs:0.5), " + LONG[:200]), ("parts", "a re(d bicy)cle"),
    ("edge", "the " * 75), ("edge-weighted", "the " * 74 + "(snow and fog:1.5)"), ("one-more", "the " * 76),
]

PICTURES = [("emphasis", "a (red:1.3) bicycle in the [snow]", NEGATIVE, 7.5), ("long", LONG, NEGATIVE, 7.5),
            ("long-negative", PROMPT, f"({LONG}:0.8)", 5.0), ("long-weighted", f"(a fox:1.4), {LONG}", f"(blurry:1.5), {LONG[7:300]}", 7.5),
            ("alone", f"(a fox:1.4), {LONG}", "", 1.0)]


def picture(name: str, prompt: str, negative: str, guidance: float, values: Arrays) -> dict[str, Any]:
    """The pipeline on hidden states made by the rule."""
    kind = "StableDiffusionPipeline"
    pipe = pipelines.pipe("sd1", kind, "DDIMScheduler", {})
    made = [weighting.chunks(text, pipe.tokenizer) for text in (prompt, negative)]
    if guidance <= 1:
        made = made[:1]
    count = max(len(chunks.ids) for chunks in made)
    states = [weighting.hidden_states(pipe.text_encoder, chunks.padded(pipe.tokenizer, count))[0] for chunks in made]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        final = pipe(prompt_embeds=states[0], negative_prompt_embeds=states[1] if len(states) > 1 else None, width=64, height=96, num_inference_steps=4,
                     guidance_scale=guidance, generator=torch.Generator("cpu").manual_seed(7), output_type="latent").images
    return {"name": name, "scheduler": "DDIMScheduler", "prompt": prompt, "negative_prompt": negative, "guidance_scale": guidance, "width": 64,
            "height": 96, "steps": 4, "seed": 7, "final": values.add(final)}


def main() -> None:
    folder = FIXTURES / "prompts"
    folder.mkdir(parents=True, exist_ok=True)
    assert weighting.parse(PARSED[5])[1] == ["house", 1.3 * 1.1 * 1.1]
    write(folder / "parse.json", None, [{"text": text, "parts": weighting.parse(text)} for text in PARSED])
    parts = pipelines.components("sd1", "StableDiffusionPipeline")
    values, told = Arrays(np.float32), []
    for name, text in TEXTS:
        chunks = weighting.chunks(text, parts["tokenizer"])
        states, factor = weighting.hidden_states(parts["text_encoder"], chunks)
        told.append({"name": name, "text": text, "ids": chunks.ids, "weights": chunks.weights, "factor": factor, "hidden": values.add(states)})
        print(f"{name:16} {len(chunks.ids)} chunks, factor {factor:.4f}, mean {float(states.mean()):.4f}")
    drawn = [picture(*case, values) for case in PICTURES]
    write(folder / "cases.json", {"model": "sd1", "rule": weighting.RULE, "pictures": drawn}, told)
    values.save(folder / "values.npy")
    assert json.loads((folder / "cases.json").read_text())["cases"]
    print(len(PARSED), "parsed,", len(told), "encoded,", len(drawn), "drawn,", values.length * 4 // 1024, "KiB")


if __name__ == "__main__":
    main()
