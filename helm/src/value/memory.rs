//! Counts the memory that the values of a thread hold.
//!
//! A value stays in the thread that makes it, so each thread has a counter: every text, list and map adds its size
//! when it is made and subtracts it when it is dropped. Other memory (parsed templates, rendered text,
//! working copies of functions) is counted with [`Held`]. The sizes are estimates of what the allocator uses.

use std::cell;

use crate::limits::Limits;

thread_local! {
    static HELD: cell::Cell<usize> = const { cell::Cell::new(0) };
    static LIMIT: cell::Cell<usize> = const { cell::Cell::new(Limits::MEMORY) };
}

/// The values of this thread need more memory than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

impl std::fmt::Display for OutOfMemory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "the chart needs more than {} bytes of memory",
            LIMIT.get()
        )
    }
}

/// Sets how many bytes the values of this thread may hold.
pub(crate) fn limit_to(bytes: usize) {
    LIMIT.set(bytes);
}

/// Fails if the values of this thread hold more than the limit.
pub(crate) fn check() -> Result<(), OutOfMemory> {
    check_room(0)
}

/// Fails if that many more bytes would exceed the limit.
pub(crate) fn check_room(bytes: usize) -> Result<(), OutOfMemory> {
    if HELD.get().saturating_add(bytes) > LIMIT.get() {
        return Err(OutOfMemory);
    }
    Ok(())
}

pub(super) fn add(bytes: usize) {
    HELD.set(HELD.get().saturating_add(bytes));
}

pub(super) fn subtract(bytes: usize) {
    HELD.set(HELD.get().saturating_sub(bytes));
}

/// Memory that something other than a value holds; it is given back when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held(usize);

impl Held {
    /// Counts bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        add(bytes);
        Self(bytes)
    }

    /// Counts bytes before they are allocated.
    pub(crate) fn checked(bytes: usize) -> Result<Self, OutOfMemory> {
        check_room(bytes)?;
        Ok(Self::new(bytes))
    }

    /// Counts further bytes before they are allocated.
    pub(crate) fn grow_checked(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        check_room(bytes)?;
        add(bytes);
        self.0 += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        subtract(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::value::{Text, Value};

    #[test]
    fn dropped_values_give_their_memory_back() {
        let before = HELD.get();
        let text = Value::text("x".repeat(1_000));
        let list = Value::list(vec![text.clone(); 100]);
        let map = Value::map(BTreeMap::from([(Text::from("a"), list.clone())]));
        let Value::Map(inner) = &map else { return };
        for index in 0..1_000 {
            inner.insert(Text::from(format!("key-{index}")), list.clone());
        }
        let held = HELD.get() - before;
        assert!((80_000..200_000).contains(&held), "{held}");
        inner.remove(b"key-7");
        inner.insert(Text::from("key-8"), Value::Nil);
        let deep = (0..10_000).fold(map, |inner, _| Value::list(vec![inner]));
        drop((text, list, deep));
        assert_eq!(HELD.get(), before);
    }
}
