//! The cost of reading a value.

use crate::value::{Methods, Value};

/// Bytes of text that are read in the time of one step.
pub(crate) const TEXT_PER_STEP: usize = 256;

/// The steps to read a value, down to the last value in it; counting stops at `most`.
pub(crate) fn steps_to_read(value: &Value, most: u64) -> u64 {
    let mut steps = 0;
    weigh(value, 0, most, &mut steps);
    steps
}

/// The depth at which counting stops: functions do not read deeper.
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
