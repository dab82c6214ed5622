//! The text that a template prints.

use crate::value::memory::{Held, OutOfMemory};
use crate::value::{Methods, NO_VALUE, Value, write_display};

#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    held: Held,
}

impl Output {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), OutOfMemory> {
        self.held.grow_checked(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends the value of an action.
    pub(super) fn print(&mut self, value: &Value) -> Result<(), OutOfMemory> {
        match value {
            Value::Nil => self.append(NO_VALUE),
            Value::Str(text) => self.append(text),
            // Go calls the `String` method here, because an action prints the address of its value.
            Value::Struct(structure) if matches!(structure.methods, Methods::KubeVersion) => {
                self.print(&structure.field(b"Version").unwrap_or(Value::Nil))
            }
            value => {
                let before = self.bytes.len();
                write_display(&mut self.bytes, value);
                self.held.grow_checked(self.bytes.len() - before)
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
