//! Docker's configuration file.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sandbox::extra_images::{PRIVATE_HOST, PRIVATE_PASSWORD, PRIVATE_USER};
use serde_json::json;
use tempfile::TempDir;

/// A folder for `DOCKER_CONFIG`, with the login of the private host of the extra images.
pub fn docker_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let file = json!({"auths": {PRIVATE_HOST: {"auth": private_auth()}}}).to_string();
    std::fs::write(folder.path().join("config.json"), file).expect("a file");
    folder
}

/// User and password of the private host, as Docker's file has them.
pub fn private_auth() -> String {
    BASE64_STANDARD.encode(format!("{PRIVATE_USER}:{PRIVATE_PASSWORD}"))
}
