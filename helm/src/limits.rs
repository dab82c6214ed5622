//! What a chart may cost.

/// The longest text that a function may make.
pub(crate) const MAX_TEXT: usize = 8 << 20;
/// The longest list that a function may make.
pub(crate) const MAX_ITEMS: usize = 1 << 20;

/// Caps on a chart and its render. A chart comes from the network; these keep a bad one from taking the machine along.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes an archive may unpack to.
    pub unpacked: u64,
    /// Bytes one file may have; Helm's own limit.
    pub file: u64,
    /// Files a chart may have.
    pub files: usize,
    /// Steps of a render: function calls, actions, loop passes, and the size of every value that a function reads.
    pub steps: u64,
    /// Levels of templates that use each other.
    pub depth: usize,
    /// Bytes of the output of all templates together.
    pub output: usize,
    /// Bytes of text that functions may make during a render, taken together.
    pub text: usize,
    /// Bytes that the chart's files, its parsed templates, the values and the output may hold at one time.
    pub memory: usize,
}

impl Limits {
    /// The default of [`memory`](Self::memory): with the rest of a process it stays below 64 MiB.
    pub(crate) const MEMORY: usize = 32 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked: 32 << 20,
            file: 5 << 20,
            files: 10_000,
            steps: 3_000_000,
            depth: 1_000,
            output: 16 << 20,
            text: 64 << 20,
            memory: Self::MEMORY,
        }
    }
}
