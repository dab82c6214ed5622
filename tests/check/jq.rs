//! The program `jq`, as the original's readers call it.

use std::path::Path;
use std::process::Command;

/// The filters with which the original counts the two files, as in `[ -f … ] && cat … | jq … | tr -d '\\n'`.
pub const COUNT_LIST: &str = "if . == null or . == [] then 0 else length end";
pub const COUNT_MAP: &str =
    "to_entries | map(select(.value.update_required == true)) | from_entries | length";

/// The output of `jq`; `None` if it fails or is not installed.
pub fn jq(filter: &str, file: &Path) -> Option<String> {
    let output = Command::new("jq").args(["-c", filter]).arg(file).output();
    let Ok(output) = output else {
        assert!(std::env::var_os("CI").is_none(), "jq is not installed");
        return None;
    };
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    output.status.success().then(|| text.trim().to_owned())
}

pub fn has_jq() -> bool {
    Command::new("jq").arg("--version").output().is_ok()
}
