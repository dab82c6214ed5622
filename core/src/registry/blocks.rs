//! Lists that grow by blocks of one size, without a copy.
//!
//! A vector doubles: half of its memory may be unused, and each copy leaves a gap in the heap that the next one does not fit
//! into. With five lists of 10,000 tags that grow at the same time, this took a megabyte more (docs/performance.md).

/// The size of a block in bytes. A small list does not touch the rest of its block.
const BLOCK: usize = 16 << 10;

/// Items in blocks. The position of an item is the number of the block and the place in it, as one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocks<T>(Vec<Vec<T>>);

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> Blocks<T> {
    const PER_BLOCK: usize = BLOCK / size_of::<T>();

    /// The position after the last item.
    pub fn end(&self) -> u32 {
        let last = self.0.last().map_or(0, Vec::len);
        let full = self.0.len().saturating_sub(1) * Self::PER_BLOCK;
        // The lists are limited to far less.
        (full + last) as u32
    }

    pub fn push(&mut self, item: T) {
        self.with_room_for(1).push(item);
    }

    pub fn last(&self) -> Option<&T> {
        self.0.last()?.last()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// Removes what was added since `end` returned this position.
    pub fn truncate(&mut self, end: u32) {
        let (block, place) = Self::split(end);
        self.0.truncate(block + usize::from(place > 0));
        if place > 0
            && let Some(last) = self.0.get_mut(block)
        {
            last.truncate(place);
        }
    }

    /// The block that has room for the next items together; at most as many as a block has.
    fn with_room_for(&mut self, count: usize) -> &mut Vec<T> {
        let has_room = |last: &Vec<T>| last.len() + count <= Self::PER_BLOCK;
        if !self.0.last().is_some_and(has_room) {
            self.0.push(Vec::with_capacity(Self::PER_BLOCK));
        }
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    fn split(position: u32) -> (usize, usize) {
        let position = position as usize;
        (position / Self::PER_BLOCK, position % Self::PER_BLOCK)
    }
}

/// Byte strings of at most 255 bytes, each after its length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Strings(Blocks<u8>);

impl Strings {
    /// The position after the last string.
    pub fn end(&self) -> u32 {
        self.0.end()
    }

    /// Adds a string, and returns its position.
    pub fn push(&mut self, bytes: &[u8]) -> u32 {
        let length = bytes.len().min(255);
        let block = self.0.with_room_for(1 + length);
        block.push(length as u8);
        block.extend_from_slice(&bytes[..length]);
        self.end() - 1 - length as u32
    }

    /// The string at a position that `push` has returned.
    pub fn get(&self, position: u32) -> &[u8] {
        let (block, place) = Blocks::<u8>::split(position);
        let rest = &self.0.0[block][place..];
        &rest[1..=usize::from(rest[0])]
    }

    /// The strings from one end to another, with their positions.
    pub fn range(&self, start: u32, end: u32) -> impl Iterator<Item = (u32, &[u8])> {
        let mut next = start;
        std::iter::from_fn(move || {
            let (block, place) = Blocks::<u8>::split(next);
            // The next string was too long for the rest of the block.
            if self.0.0.get(block)?.len() == place {
                next = ((block + 1) * Blocks::<u8>::PER_BLOCK) as u32;
            }
            if next >= end {
                return None;
            }
            let (position, bytes) = (next, self.get(next));
            next += 1 + bytes.len() as u32;
            Some((position, bytes))
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.range(0, self.end()).map(|(_, bytes)| bytes)
    }

    /// Removes what was added since `end` returned this position.
    pub fn truncate(&mut self, end: u32) {
        self.0.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn items_are_in_order_across_blocks() {
        let mut blocks = Blocks::default();
        let count = 3 * Blocks::<u64>::PER_BLOCK as u64;
        for item in 0..count {
            assert_eq!(u64::from(blocks.end()), item);
            blocks.push(item);
            assert_eq!(blocks.last(), Some(&item));
        }
        assert!(blocks.iter().copied().eq(0..count));
        let end = Blocks::<u64>::PER_BLOCK as u32;
        for end in [end + 1, end, end - 1, 0] {
            blocks.truncate(end);
            assert_eq!(blocks.end(), end);
            assert!(blocks.iter().copied().eq(0..u64::from(end)));
        }
    }

    proptest! {
        /// The strings are those of a list of strings, also after a part of them was removed.
        #[test]
        fn strings_are_those_that_were_added(
            lengths in prop::collection::vec(0..256_usize, 1..300),
            kept in any::<prop::sample::Index>(),
            more in prop::collection::vec(0..256_usize, 0..100),
        ) {
            let text = |(number, length): (usize, &usize)| vec![number as u8; *length];
            let mut expected: Vec<_> = lengths.iter().enumerate().map(text).collect();
            let mut strings = Strings::default();
            let mut ends = vec![strings.end()];
            for bytes in &expected {
                let position = strings.push(bytes);
                prop_assert_eq!(strings.get(position), &bytes[..]);
                ends.push(strings.end());
            }
            let kept = kept.index(ends.len());
            let parts = strings.range(ends[kept], strings.end());
            prop_assert!(parts.map(|(_, bytes)| bytes).eq(expected[kept..].iter()));
            strings.truncate(ends[kept]);
            expected.truncate(kept);
            expected.extend(more.iter().enumerate().map(text));
            for bytes in &expected[kept..] {
                strings.push(bytes);
            }
            prop_assert!(strings.iter().eq(expected.iter()));
            prop_assert!(strings.range(0, strings.end()).all(|(at, bytes)| strings.get(at) == bytes));
        }
    }
}
