//! Docker's configuration file.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sandbox::extra_images::{PRIVATE_HOST, PRIVATE_PASSWORD, PRIVATE_USER};
use serde_json::json;
use tempfile::TempDir;

/// A folder for `DOCKER_CONFIG`, with the login of the private host of the extra images.
pub fn docker_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_docker_file(folder.path(), PRIVATE_HOST, &private_auth());
    folder
}

/// Writes the file into a folder that exists. `auth` is user and password as Docker's file has them.
pub fn write_docker_file(folder: &Path, host: &str, auth: &str) {
    let file = json!({"auths": {host: {"auth": auth}}}).to_string();
    std::fs::write(folder.join("config.json"), file).expect("a file");
}

/// User and password of the private host, as Docker's file has them.
pub fn private_auth() -> String {
    auth(PRIVATE_USER, PRIVATE_PASSWORD)
}

/// The password of such a text.
pub fn password_of(auth: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_STANDARD.decode(auth).ok()?).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

pub fn auth(user: &str, password: &str) -> String {
    BASE64_STANDARD.encode(format!("{user}:{password}"))
}
