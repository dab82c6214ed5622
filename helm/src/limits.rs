//! What a chart may cost.

/// Caps on a chart and its render. A chart comes from the network; these keep a bad one from taking the machine along.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes an archive may unpack to.
    pub unpacked: u64,
    /// Bytes one file may have; Helm's own limit.
    pub file: u64,
    /// Files a chart may have.
    pub files: usize,
    /// Function calls and loop passes of a render.
    pub steps: u64,
    /// Levels of templates that use each other.
    pub depth: usize,
    /// Bytes of one template's output.
    pub output: usize,
    /// Bytes of text that functions may make during a render, taken together.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked: 48 << 20,
            file: 5 << 20,
            files: 10_000,
            steps: 3_000_000,
            depth: 1_000,
            output: 16 << 20,
            text: 64 << 20,
        }
    }
}
