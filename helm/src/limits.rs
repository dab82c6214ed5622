//! Limits on charts and renders.

/// The longest text that a function may make.
pub(crate) const MAX_TEXT: usize = 8 << 20;
/// The longest list that a function may make.
pub(crate) const MAX_ITEMS: usize = 1 << 20;

/// Limits on a chart and its render, because a chart comes from the network and may be malicious.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The unpacked size of an archive, in bytes.
    pub unpacked: u64,
    /// The size of one file, in bytes; the same limit as in Helm.
    pub file: u64,
    /// The number of files of a chart.
    pub files: usize,
    /// Steps of a render: function calls, actions, loop passes, and the size of every value that a function reads.
    pub steps: u64,
    /// The depth of templates that use each other.
    pub depth: usize,
    /// The size of the output of all templates together, in bytes.
    pub output: usize,
    /// The total size of the texts that functions make during a render, in bytes.
    pub text: usize,
    /// The memory for the chart's files, its parsed templates, the values and the output, in bytes.
    pub memory: usize,
}

impl Limits {
    /// The default of [`memory`](Self::memory): the whole process stays below 64 MiB.
    pub(crate) const MEMORY: usize = 24 << 20;
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
