//! Which pieces of a graph stay loaded between runs, by what memory there is.

use std::ops::Range;

use super::Liveness;

/// A graph in pieces that hold as little as can be.
#[derive(Debug, Clone)]
pub struct Pieces {
    /// The first node of each.
    pub starts: Vec<usize>,
    /// Bytes of weights of each.
    pub weights: Vec<u64>,
    /// Whether each may stay: not if it makes weights of weights when it is loaded, which lie there several times then;
    /// nor any of a graph in which operators of ours read weights as they lie, who win nothing by having them arranged
    /// (SD 1.5's UNet at 512x512 took 4.7 s in the least memory and 5.6 s where most pieces stayed).
    pub may_stay: Vec<bool>,
    /// The most bytes that one of them holds while it runs, weights included.
    pub most: u64,
}

impl Liveness {
    /// In pieces that hold as little as can be; of all ways to do so, the one that hands over the fewest bytes.
    pub fn in_pieces(&self) -> Pieces {
        let starts = self.cuts(0);
        let ends = starts.iter().skip(1).copied().chain([self.weights.len()]);
        let pieces: Vec<_> = starts.iter().zip(ends).map(|(&from, until)| from..until).collect();
        let weights = pieces.iter().map(|nodes| self.weights[nodes.clone()].iter().sum()).collect();
        let wins = |nodes: &Range<usize>| !self.reads_in_place && !self.loads[nodes.clone()].contains(&true);
        let may_stay = pieces.iter().map(wins).collect();
        Pieces { starts, weights, may_stay, most: self.least() }
    }
}

impl Pieces {
    /// What each piece takes that stays loaded, by what its weights `take`, the lightest first: in this order they
    /// stay, because the light ones are those whose weights are used most often in a run.
    pub fn lightest(&self, take: impl Fn(u64) -> u64) -> Vec<u64> {
        let may_stay = self.weights.iter().zip(&self.may_stay).filter(|(_, may_stay)| **may_stay);
        let mut weights: Vec<u64> = may_stay.map(|(&bytes, _)| take(bytes)).collect();
        weights.sort_unstable();
        weights
    }

    /// Which pieces stay loaded in so many bytes.
    pub fn staying(&self, bytes: u64, take: impl Fn(u64) -> u64) -> Vec<bool> {
        let mut order: Vec<usize> = (0..self.weights.len()).filter(|&at| self.may_stay[at]).collect();
        order.sort_by_key(|&at| self.weights[at]);
        let mut stays = vec![false; self.weights.len()];
        let mut taken = 0;
        for at in order {
            taken += take(self.weights[at]);
            if taken > bytes {
                break;
            }
            stays[at] = true;
        }
        stays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lightest_pieces_stay_and_more_room_keeps_more() {
        let mut pieces =
            Pieces { starts: vec![0, 3, 5, 9], weights: vec![7, 2, 5, 2], may_stay: vec![true; 4], most: 10 };
        assert_eq!(pieces.lightest(|bytes| bytes), [2, 2, 5, 7]);
        let staying = |bytes| pieces.staying(bytes, |bytes| bytes);
        assert_eq!(staying(1), [false; 4]);
        assert_eq!(staying(4), [false, true, false, true]);
        assert_eq!(staying(9), [false, true, true, true]);
        assert_eq!(staying(16), [true; 4]);
        pieces.may_stay[1] = false;
        assert_eq!(pieces.lightest(|bytes| bytes), [2, 5, 7]);
        assert_eq!(pieces.staying(7, |bytes| bytes), [false, false, true, true]);
    }
}
