"""Random normal numbers as PyTorch draws them: its CPU generator run here, its CUDA generator from the published algorithm."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from arrays import FIXTURES, Arrays, write

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
BLOCK = 256

# What people printed after `torch.manual_seed(seed)` and `torch.randn(.., device="cuda")`, to four places.
PRINTED: list[tuple[int, int, int, list[float]]] = [  # seed, which draw of 4, first element, values
    (42, 0, 0, [0.1940, 2.1614, -0.1721, 0.8491, -1.9244, 0.6530, -0.6494, -0.8175, 0.5280, -1.2753, -1.6621, -0.3033, -0.0926, 0.1992, -1.1204,
                1.8577, -0.7145, 0.6881, 0.7968]),
    (42, 1, 0, [0.1391, -0.1082, -0.7174, 0.7566]),
    (42, 2, 0, [-0.5187, 1.2268, 0.6255, -0.9117]),
    (42, 3, 0, [-0.6974, -1.8688, -0.8832, -1.6627]),
    (42, 4, 0, [-1.2682, -0.0383, -0.1029, 1.4400]),
    (42, 5, 0, [1.4640, -0.3238, 0.7740, 1.5892]),
    (42, 0, 778, [-0.8353, -1.6443, 0.1315, -0.1797, 0.9744, -2.0136]),
    (42, 0, 5467, [1.9695, 0.5996, 0.5583]),
    (42, 0, 7807, [-0.2081, -1.0439, 0.7082]),
    (0, 0, 0, [-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284, -1.0745, -0.3631, -1.6711, 2.2655, 0.3117, -0.1842, 1.2866,
               1.1820, -0.1271, 1.2169, 1.4353, 1.0605, -0.4941, -1.4244, -0.7244, -1.2973, 0.0697, -0.0074]),
]


def philox(counter: np.ndarray, seed: int) -> np.ndarray:
    """Philox4x32-10 (Salmon et al., 2011): `counter` is (4, n) words of 32 bits."""
    x = counter.astype(np.uint64)
    key = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint64)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = x[0] * np.uint64(0xD2511F53), x[2] * np.uint64(0xCD9E8D57)
        x = np.stack([(b >> np.uint64(32)) ^ x[1] ^ key[0], b & low, (a >> np.uint64(32)) ^ x[3] ^ key[1], a & low])
        key = (key + np.array([0x9E3779B9, 0xBB67AE85], np.uint64)) & low
    return x.astype(np.uint32)


def box_muller(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """cuRAND's: the sine first, one multiply-add fused, as compilers for CUDA do. A card's fast sine and cosine differ by some 1e-6."""
    scale, turn = np.float32(2.0**-32), np.float32(2.0**-32) * np.float32(6.2831855)
    fused = lambda bits, factor: (bits.astype(np.float32).astype(np.float64) * np.float64(factor) + np.float64(factor) / 2).astype(np.float32)
    u, v = fused(x, scale), fused(y, turn).astype(np.float64)
    radius = np.sqrt(np.float32(-2) * np.log(u.astype(np.float64)).astype(np.float32))
    return np.sin(v).astype(np.float32) * radius, np.cos(v).astype(np.float32) * radius


def cuda_randn(count: int, seed: int, offset: int, threads: int) -> tuple[np.ndarray, int]:
    """`torch.randn(count, device="cuda")` on a card of `threads` threads at once; answers the generator's next offset too.

    Thread i draws from subsequence i. One call of `curand_normal4` gives it elements i, i + g, i + 2 g and i + 3 g, where g is the number of
    threads launched: one an element, rounded up to blocks of 256, but never more than `threads` = multiprocessors * (threads of one // 256) * 256.
    (aten/src/ATen/native/cuda/DistributionTemplates.h of PyTorch: `calc_execution_policy`, `distribution_elementwise_grid_stride_kernel`.)
    """
    launched = min(-(-count // BLOCK) * BLOCK, threads)
    rounds = (count - 1) // (launched * 4) + 1
    thread = np.arange(launched, dtype=np.uint64)
    drawn = []
    for turn in range(rounds):
        place = offset // 4 + turn
        ones = np.ones_like(thread)
        words = philox(np.stack([ones * np.uint64(place & 0xFFFFFFFF), ones * np.uint64(place >> 32), thread & np.uint64(0xFFFFFFFF),
                                 thread >> np.uint64(32)]), seed)
        drawn += [*box_muller(words[0], words[1]), *box_muller(words[2], words[3])]
    return np.concatenate(drawn)[:count].astype(np.float32), offset + rounds * 4


def check_printed() -> None:
    for seed, draw, first, values in PRINTED:
        ours, _ = cuda_randn(first + len(values), seed, 4 * draw, 1 << 30)
        off = np.abs(ours[first:] - np.array(values, np.float32)).max()
        assert off < 6e-5, (seed, draw, first, off)
    print("the printed values hold")


def cpu_cases() -> list[dict[str, Any]]:
    shapes = [[1], [2], [5], [15], [16], [17], [31], [32], [33], [1, 4, 12, 8], [2, 4, 8, 8], [1, 16, 9, 7], [1001]]
    seeds = [0, 1, 7, 2**31, 2**32 + 5, 2**53 - 1]
    told = []
    for dtype in DTYPES:
        for k, shape in enumerate(shapes):
            for then in (1, 3) if k % 3 == 0 else (1,):
                told.append({"device": "cpu", "dtype": dtype, "seed": seeds[(k + then) % len(seeds)], "shape": shape, "then": then})
    return told


def words_of(values: torch.Tensor) -> np.ndarray:
    if values.dtype == torch.float32:
        return values.view(torch.int32).numpy().view(np.uint32)
    return values.view(torch.int16).numpy().view(np.uint16).astype(np.uint32)


def main() -> None:
    folder: Path = FIXTURES / "noise"
    folder.mkdir(parents=True, exist_ok=True)
    check_printed()
    bits, told = Arrays(np.uint32), []
    for case in cpu_cases():
        generator = torch.Generator("cpu").manual_seed(case["seed"])
        drawn = torch.stack([torch.randn(case["shape"], generator=generator, dtype=DTYPES[case["dtype"]]) for _ in range(case["then"])])
        told.append({**case, "threads": None, "bits": bits.add(words_of(drawn))})
    for seed, shape, then, threads in [(42, [19], 1, 221184), (42, [4], 6, 221184), (0, [26], 1, 221184), (7, [1, 4, 12, 8], 3, 40960),
                                       (2**32 + 5, [1001], 2, 40960), (2**53 - 1, [1, 16, 9, 7], 2, 40960), (3, [2200], 2, 512), (3, [4097], 2, 512)]:
        offset, rows = 0, []
        for _ in range(then):
            values, offset = cuda_randn(int(np.prod(shape)), seed, offset, threads)
            rows.append(values.reshape(shape))
        told.append({"device": "cuda", "dtype": "float32", "seed": seed, "shape": shape, "then": then, "threads": threads,
                     "bits": bits.add(np.stack(rows).view(np.uint32))})
    write(folder / "cases.json", None, told)
    bits.save(folder / "bits.npy")
    print(len(told), "cases,", bits.length * 4 // 1024, "KiB")


if __name__ == "__main__":
    main()
