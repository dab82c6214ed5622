//! The state that functions of a render share: the clock, "random" values, compiled patterns, and the rest of the
//! limits.

mod random;
mod reading;

use std::collections::HashMap;
use std::rc::Rc;

use crate::failure::Failure;
use crate::limits::{Limits, MAX_TEXT};
use crate::patterns::Pattern;
use crate::time::Instant;
use crate::value::{Text, Value, deep_equal};

pub(crate) use random::Random;
pub(crate) use reading::{TEXT_PER_STEP, steps_to_read};

/// The state of a render that functions read and change.
pub(crate) struct State {
    pub(crate) now: Instant,
    pub(crate) random: Random,
    /// The patterns compiled so far.
    pub(crate) patterns: HashMap<Text, Rc<Pattern>>,
    steps: u64,
    steps_left: u64,
    text: usize,
    text_left: usize,
}

impl State {
    pub(crate) fn new(limits: &Limits, now: Instant, seed: &[u8]) -> Self {
        Self {
            now,
            random: Random::new(seed),
            patterns: HashMap::new(),
            steps: limits.steps,
            steps_left: limits.steps,
            text: limits.text,
            text_left: limits.text,
        }
    }

    /// How many steps are left.
    pub(crate) fn steps_left(&self) -> u64 {
        self.steps_left
    }

    /// How long the next text may be.
    pub(crate) fn text_limit(&self) -> usize {
        self.text_left.min(MAX_TEXT)
    }

    /// Counts one step of work.
    pub(crate) fn step(&mut self) -> Result<(), Failure> {
        self.steps(1)
    }

    /// Counts steps of work.
    pub(crate) fn steps(&mut self, count: usize) -> Result<(), Failure> {
        match self.steps_left.checked_sub(count as u64) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(Failure::from(format!(
                "the chart takes more than {} steps",
                self.steps
            ))),
        }
    }

    /// Counts the steps that it takes to read a value, down to the last value in it.
    pub(crate) fn read(&mut self, value: &Value) -> Result<(), Failure> {
        self.steps(steps_to_read(value, self.steps_left) as usize)
    }

    /// `reflect.DeepEqual`; each comparison counts as a step.
    pub(crate) fn deep_equal(&mut self, left: &Value, right: &Value) -> Result<bool, Failure> {
        let mut budget = self.steps_left;
        let equal = deep_equal(left, right, &mut budget);
        self.steps((self.steps_left - budget + 1) as usize)?;
        Ok(equal)
    }

    /// Counts the bytes of a text that a function made.
    pub(crate) fn count_text(&mut self, length: usize) -> Result<(), Failure> {
        match self.text_left.checked_sub(length) {
            Some(left) => {
                self.text_left = left;
                Ok(())
            }
            None => Err(Failure::from(format!(
                "the chart makes more than {} bytes of text",
                self.text
            ))),
        }
    }
}
