//! What a call costs: functions go through their arguments, so the size of the arguments counts as steps.

use crate::functions::Reading;
use crate::state::{TEXT_PER_STEP, steps_to_read};
use crate::value::{Methods, Value};

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
