//! A stream of "random" bytes: the same ones for the same seed. They are not secret.

use ring::digest::{SHA256, digest};

/// A deterministic stream of bytes.
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
    block: Vec<u8>,
}

impl Random {
    pub(crate) fn new(seed: &[u8]) -> Self {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, seed).as_ref());
        Self {
            seed: key,
            counter: 0,
            block: Vec::new(),
        }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        if let Some(byte) = self.block.pop() {
            return byte;
        }
        let input = [&self.seed[..], &self.counter.to_be_bytes()].concat();
        self.counter += 1;
        self.block = digest(&SHA256, &input).as_ref().to_vec();
        self.block.pop().unwrap_or_default()
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    pub(crate) fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// A random character of an alphabet.
    pub(crate) fn pick(&mut self, alphabet: &[u8]) -> u8 {
        let limit = 256 - 256 % alphabet.len();
        loop {
            let byte = usize::from(self.byte());
            if byte < limit {
                return alphabet[byte % alphabet.len()];
            }
        }
    }
}
