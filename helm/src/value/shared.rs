//! Go's slices and maps, which values share, and their size in memory.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Text, Value, memory};

/// The element type of a Go slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListType {
    /// `[]interface {}`.
    Any,
    /// `[]string`.
    Strings,
    /// `[]int`.
    Ints,
    /// `[][]interface {}`, the result of `chunk`.
    Lists,
}

/// The Go type of a map with string keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapType {
    /// `map[string]interface {}`.
    Any,
    /// Helm's named type for `.Values`, assignable to the plain one.
    Values,
    /// `map[string]string`, the result of `split`; also annotations.
    Strings,
}

/// A Go slice. It is never changed.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) items: Vec<Value>,
    pub(crate) element: ListType,
    /// Go's nil slice: empty, and `null` in JSON and YAML.
    pub(crate) is_nil: bool,
}

/// Bytes that a list takes in addition to its items.
const LIST_OVERHEAD: usize = 64;

impl List {
    pub(crate) fn new(items: Vec<Value>, element: ListType) -> Self {
        memory::add(LIST_OVERHEAD + items_size(&items));
        Self {
            items,
            element,
            is_nil: false,
        }
    }

    /// Go's nil slice.
    pub(crate) fn nil(element: ListType) -> Self {
        let mut list = Self::new(Vec::new(), element);
        list.is_nil = true;
        list
    }

    fn take(&mut self) -> Vec<Value> {
        memory::subtract(items_size(&self.items));
        std::mem::take(&mut self.items)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        memory::subtract(LIST_OVERHEAD);
        release(self.take());
    }
}

fn items_size(items: &Vec<Value>) -> usize {
    items.capacity() * size_of::<Value>()
}

/// A Go map with string keys; clones share its entries.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) entries: Rc<Entries>,
    pub(crate) kind: MapType,
    /// Go's nil map: empty, cannot be set, and `null` in JSON and YAML.
    pub(crate) is_nil: bool,
}

impl Map {
    pub(crate) fn new(entries: BTreeMap<Text, Value>, kind: MapType) -> Self {
        Self {
            entries: Rc::new(Entries::new(entries)),
            kind,
            is_nil: false,
        }
    }

    /// Go's nil map.
    pub(crate) fn nil(kind: MapType) -> Self {
        Self {
            is_nil: true,
            ..Self::new(BTreeMap::new(), kind)
        }
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    /// Sets a key in all clones.
    pub(crate) fn insert(&self, key: Text, value: Value) {
        let mut entries = self.entries.0.borrow_mut();
        let before = entries_size(entries.len());
        let old = entries.insert(key, value);
        memory::add(entries_size(entries.len()) - before);
        // The old value may contain this map: drop it after the borrow ends.
        drop(entries);
        drop(old);
    }

    /// Removes a key in all clones.
    pub(crate) fn remove(&self, key: &[u8]) {
        let mut entries = self.entries.0.borrow_mut();
        let before = entries_size(entries.len());
        let old = entries.remove_entry(key);
        memory::subtract(before - entries_size(entries.len()));
        drop(entries);
        drop(old);
    }

    /// The same entries as a map of another Go type.
    pub(crate) fn seen_as(&self, kind: MapType) -> Value {
        Value::Map(Rc::new(Self {
            entries: Rc::clone(&self.entries),
            kind,
            is_nil: self.is_nil,
        }))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }
}

/// The entries of a map.
#[derive(Debug)]
pub(crate) struct Entries(RefCell<BTreeMap<Text, Value>>);

impl Entries {
    fn new(entries: BTreeMap<Text, Value>) -> Self {
        memory::add(entries_size(entries.len()));
        Self(RefCell::new(entries))
    }

    pub(crate) fn borrow(&self) -> Ref<'_, BTreeMap<Text, Value>> {
        self.0.borrow()
    }

    /// The entries; the map is empty afterwards.
    pub(crate) fn take(&self) -> BTreeMap<Text, Value> {
        let entries = self.0.take();
        memory::subtract(entries_size(entries.len()) - entries_size(0));
        entries
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        release(self.take().into_values().collect());
        memory::subtract(entries_size(0));
    }
}

/// Bytes that a map of that many keys takes, without its keys and values: nodes of eleven entries, possibly half full.
fn entries_size(count: usize) -> usize {
    const ENTRY: usize = size_of::<Text>() + size_of::<Value>();
    const NODE: usize = 11 * ENTRY + 24;
    96 + count.div_ceil(6) * NODE
}

/// Drops values without recursion: a chart can nest them deeper than the stack allows.
fn release(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(list) => {
                if let Some(mut list) = Rc::into_inner(list) {
                    values.append(&mut list.take());
                }
            }
            Value::Map(map) => {
                if let Some(map) = Rc::into_inner(map)
                    && let Some(entries) = Rc::into_inner(map.entries)
                {
                    values.extend(entries.take().into_values());
                }
            }
            Value::Nil
            | Value::Bool(_)
            | Value::Int(..)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Bytes(_)
            | Value::Struct(_)
            | Value::Time(_) => {}
        }
    }
}
