//! The cost of a call: functions read their arguments, so the size of the arguments counts as steps.

use crate::functions::Reading;
use crate::state::{TEXT_PER_STEP, steps_to_read};
use crate::value::{Methods, Value};

/// Items of a list that are copied in the time of one step.
const ITEMS_PER_STEP: usize = 16;
/// Entries of a map that are copied in the time of one step.
pub(super) const ENTRIES_PER_STEP: usize = 8;
/// Arguments that are evaluated in the time of one step.
pub(super) const ARGUMENTS_PER_STEP: usize = 2;

/// The cost of reading the arguments of a function.
#[derive(Debug, Default)]
pub(super) struct Cost {
    pub(super) steps: u64,
    /// The maximum size of copies of texts and lists, in bytes.
    pub(super) memory: usize,
}

/// The cost of a call; counting stops at `most` steps.
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

/// The steps and the memory to copy a value without the content of its items.
fn surface_of(value: &Value) -> (usize, usize) {
    // A text that is converted to characters takes four times its size.
    let text = |length: usize| (length / TEXT_PER_STEP, 4 * length);
    let list = |length: usize| (length / ITEMS_PER_STEP, length * size_of::<Value>());
    match value {
        Value::Str(bytes) => text(bytes.len()),
        // A function may convert the bytes to items of a list.
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
