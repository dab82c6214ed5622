//! JSON lists with a largest length, at which reading ends with an error.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

/// A list of at most `MOST` items; null is an empty list. A longer list is an error as soon as it has one item too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BoundedVec<T, const MOST: usize>(pub Vec<T>);

impl<T, const MOST: usize> Default for BoundedVec<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for BoundedVec<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Items::<T, MOST>(PhantomData))
    }
}

struct Items<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Items<T, MOST> {
    type Value = BoundedVec<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST}")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BoundedVec::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(item) = items.next_element()? {
            if kept.len() == MOST {
                return Err(A::Error::custom(format_args!(
                    "a list of more than {MOST} items"
                )));
            }
            kept.push(item);
        }
        Ok(BoundedVec(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::BoundedVec;

    #[test]
    fn list_that_is_too_long_is_an_error() {
        let read = serde_json::from_str::<BoundedVec<u8, 2>>;
        assert_eq!(read("[1,2]").unwrap().0, [1, 2]);
        assert!(read("null").unwrap().0.is_empty());
        let error = read("[1,2,3]").unwrap_err().to_string();
        assert!(error.contains("more than 2"), "{error}");
        assert!(read("{}").is_err());
    }
}
