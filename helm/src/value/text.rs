//! Go's string: immutable bytes, usually UTF-8, shared instead of copied.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use super::memory;

/// A string of the template language.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text(Rc<[u8]>);

/// Bytes of memory that a text takes in addition to its own bytes.
const OVERHEAD: usize = 32;

impl Drop for Text {
    fn drop(&mut self) {
        if Rc::strong_count(&self.0) == 1 {
            memory::subtract(OVERHEAD + self.0.len());
        }
    }
}

impl Text {
    fn new(bytes: Rc<[u8]>) -> Self {
        memory::add(OVERHEAD + bytes.len());
        Self(bytes)
    }

    /// As UTF-8; invalid bytes become replacement characters.
    pub(crate) fn to_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str(), formatter)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(Rc::from(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new(Rc::from(text.into_bytes()))
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        Self::new(Rc::from(text.as_bytes()))
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self::new(Rc::from(bytes))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(Rc::from(bytes))
    }
}
