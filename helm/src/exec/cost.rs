//! What a call costs: functions go through their arguments, so the size of the arguments counts as steps.

use crate::functions::Reading;
use crate::value::{Methods, Value};

/// Bytes of text that are gone through in the time of one step.
pub(super) const TEXT_PER_STEP: usize = 256;
/// Items of a list that are copied in the time of one step.
const ITEMS_PER_STEP: usize = 16;
/// Entries of a map that are copied in the time of one step.
pub(super) const ENTRIES_PER_STEP: usize = 8;
/// Arguments that are evaluated in the time of one step.
pub(super) const ARGUMENTS_PER_STEP: usize = 2;

/// What a function needs to go through its arguments.
#[derive(Debug, Default)]
pub(super) struct Cost {
    /// Steps.
    pub(super) steps: u64,
    /// Bytes that copies of texts and lists may take.
    pub(super) memory: usize,
}

/// The cost of a call; it stops counting at `most` steps.
pub(super) fn cost_of(reads: Reading, arguments: &[Value], most: u64) -> Cost {
    let mut cost = Cost::default();
    match reads {
        Reading::Nothing => return cost,
        Reading::Surface => {}
        Reading::Everything => {
            for argument in arguments {
                cost.steps += steps_to_read(argument, most);
            }
        }
    }
    for argument in arguments {
        let (steps, memory) = surface_of(argument);
        cost.steps += steps as u64;
        cost.memory += memory;
    }
    cost
}

/// The steps and the memory that it takes to copy a value without what is inside its items.
fn surface_of(value: &Value) -> (usize, usize) {
    // As characters, a text is four times as long.
    let text = |length: usize| (length / TEXT_PER_STEP, 4 * length);
    let list = |length: usize| (length / ITEMS_PER_STEP, length * size_of::<Value>());
    match value {
        Value::Str(bytes) => text(bytes.len()),
        // As items of a list, or as numbers.
        Value::Bytes(bytes) => list(bytes.len()),
        Value::List(items) => list(items.items.len()),
        Value::Map(map) => (map.len() / ENTRIES_PER_STEP, 80 * map.len()),
        Value::Struct(structure) => match &structure.methods {
            Methods::Files(files) => list(files.len()),
            Methods::ApiVersions(versions) => list(versions.len()),
            Methods::None | Methods::KubeVersion | Methods::Version(_) => (0, 0),
        },
        Value::Nil | Value::Bool(_) | Value::Int(..) | Value::Float(_) | Value::Time(_) => (0, 0),
    }
}

/// The steps that it takes to go through a value, down to the last one in it; it stops counting at `most`.
pub(super) fn steps_to_read(value: &Value, most: u64) -> u64 {
    let mut steps = 0;
    weigh(value, 0, most, &mut steps);
    steps
}

/// Functions go no deeper than this into a value.
const MAX_DEPTH: usize = 1_000;

/// Adds a step for each value in a value, down to the last one.
fn weigh(value: &Value, depth: usize, most: u64, steps: &mut u64) {
    let length = match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Struct(structure) => match &structure.methods {
            Methods::Files(files) => files.values().map(|data| data.len()).sum(),
            Methods::ApiVersions(versions) => versions.len() * TEXT_PER_STEP,
            Methods::None | Methods::KubeVersion | Methods::Version(_) => TEXT_PER_STEP,
        },
        Value::Nil
        | Value::Bool(_)
        | Value::Int(..)
        | Value::Float(_)
        | Value::Time(_)
        | Value::List(_)
        | Value::Map(_) => 0,
    };
    *steps += 1 + (length / TEXT_PER_STEP) as u64;
    if depth >= MAX_DEPTH {
        return;
    }
    match value {
        Value::List(list) => {
            for item in &list.items {
                if *steps > most {
                    return;
                }
                weigh(item, depth + 1, most, steps);
            }
        }
        Value::Map(map) => {
            for (key, item) in map.entries.borrow().iter() {
                if *steps > most {
                    return;
                }
                *steps += (key.len() / TEXT_PER_STEP) as u64;
                weigh(item, depth + 1, most, steps);
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
