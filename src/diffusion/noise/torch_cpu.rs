//! PyTorch's generator on the processor, bit for bit.

use std::f32::consts::TAU;

/// Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded as `torch.Generator` is:
/// with the lower 32 bits of the seed.
#[derive(Debug, Clone)]
pub struct Generator {
    state: [u32; 624],
    next: usize,
    /// The second number of a pair, not asked for yet.
    kept: Option<f64>,
}

impl Generator {
    /// A generator like `torch.Generator().manual_seed(seed)`.
    pub fn new(seed: u64) -> Self {
        let mut state = [0; 624];
        state[0] = seed as u32;
        for i in 1..624u32 {
            let before: u32 = state[i as usize - 1];
            state[i as usize] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i);
        }
        Self { state, next: 624, kept: None }
    }

    fn twist(&mut self) {
        for i in 0..624 {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % 624] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + 397) % 624] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == 624 {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// Fills `values` with standard normal numbers, as `torch.randn(.., generator=..)` goes on from here:
    /// on a processor with AVX2, which is what people's seeds were made on.
    pub(super) fn fill(&mut self, values: &mut [f32]) {
        fill(values, self);
    }

    /// Uniform in [0, 1), 24 bits.
    fn uniform_f32(&mut self) -> f32 {
        (self.next_u32() & ((1 << 24) - 1)) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [0, 1), 53 bits out of two words, the first one high.
    fn uniform_f64(&mut self) -> f64 {
        let (high, low) = (u64::from(self.next_u32()), u64::from(self.next_u32()));
        ((high << 32 | low) & ((1 << 53) - 1)) as f64 / (1u64 << 53) as f64
    }
}

/// `at::native::normal_` of PyTorch 2: from 16 values on in blocks of 16, the last block drawn
/// anew over the end; fewer in double precision, in pairs.
fn fill(values: &mut [f32], generator: &mut Generator) {
    if values.len() < 16 {
        return fill_few(values, generator);
    }
    values.iter_mut().for_each(|value| *value = generator.uniform_f32());
    let (blocks, rest) = values.as_chunks_mut::<16>();
    blocks.iter_mut().for_each(box_muller);
    if !rest.is_empty() {
        let mut last = [0.0; 16];
        last.iter_mut().for_each(|value| *value = generator.uniform_f32());
        box_muller(&mut last);
        let start = values.len() - 16;
        values[start..].copy_from_slice(&last);
    }
}

fn fill_few(values: &mut [f32], generator: &mut Generator) {
    for value in values {
        if let Some(kept) = generator.kept.take() {
            *value = kept as f32;
            continue;
        }
        let (u1, u2) = (generator.uniform_f64(), generator.uniform_f64());
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let angle = std::f64::consts::TAU * u1;
        *value = (radius * angle.cos()) as f32;
        generator.kept = Some(radius * angle.sin());
    }
}

/// Box-Muller over 16 uniform numbers: radii from the first half, angles from the second.
fn box_muller(block: &mut [f32; 16]) {
    for i in 0..8 {
        let radius = (-2.0 * ln(1.0 - block[i])).sqrt();
        let (sin, cos) = sin_cos(TAU * block[i + 8]);
        block[i] = radius * cos;
        block[i + 8] = radius * sin;
    }
}

/// The logarithm of `avx_mathfun.h` in PyTorch (Cephes `logf`), with its fused multiply-adds
/// where the compiler of the released builds put them; 0 < x <= 1.
fn ln(x: f32) -> f32 {
    const P: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    let mut exponent = (bits >> 23) as f32 - 126.0;
    let mut x = f32::from_bits((bits & !0x7f80_0000) | 0.5f32.to_bits());
    let below = x < std::f32::consts::FRAC_1_SQRT_2;
    let doubled = if below { x } else { 0.0 };
    x = x - 1.0 + doubled;
    if below {
        exponent -= 1.0;
    }
    let z = x * x;
    let y = P[1..].iter().fold(P[0], |y, &p| y.mul_add(x, p)) * x;
    let y = y.mul_add(z, exponent * -2.121_944_4e-4);
    let y = z.mul_add(-0.5, y);
    exponent.mul_add(0.693_359_4, x + y)
}

/// Sine and cosine of `avx_mathfun.h` in PyTorch (Cephes `sinf` and `cosf`); 0 <= x < 2 pi.
fn sin_cos(x: f32) -> (f32, f32) {
    let octant = (((x * (4.0 / std::f32::consts::PI)) as i32) + 1) & !1;
    let y = octant as f32;
    let x = y.mul_add(-0.785_156_25, x);
    let x = y.mul_add(-2.418_756_5e-4, x);
    let x = y.mul_add(-3.774_895e-8, x);
    let z = x * x;
    let cos = 2.443_315_7e-5f32.mul_add(z, -1.388_731_6e-3).mul_add(z, 4.166_664_6e-2) * z;
    let cos = cos.mul_add(z, z * -0.5) + 1.0;
    let sin = (-1.951_529_6e-4f32).mul_add(z, 8.332_161e-3).mul_add(z, -1.666_665_5e-1) * z;
    let sin = sin.mul_add(x, x);
    let (s, c) = if octant & 2 == 0 { (sin, cos) } else { (cos, sin) };
    let s = if octant & 4 != 0 { -s } else { s };
    let c = if (octant + 2) & 4 != 0 { -c } else { c };
    (s, c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first and the 10,000th output of the reference code with its default seed 5489.
        let mut generator = Generator::new(5489);
        assert_eq!(generator.next_u32(), 3_499_211_612);
        assert_eq!((0..9_999).map(|_| generator.next_u32()).last(), Some(4_123_659_995));
    }
}
