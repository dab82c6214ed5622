//! The version of the executables.

/// For `-V`.
pub(crate) const SHORT: &str = env!("CARGO_PKG_VERSION");
/// For `--version`: with the commit and the date of the source, if they were known when it was compiled.
pub(crate) const LONG: &str = env!("ACR_SYNC_VERSION");
