//! Parsers of single values. Their errors complete a sentence about the value: "it must be …".

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::suggestion::perhaps;
use super::{LogFormat, RegistryType, SyncMethod};
use crate::category::Category;
use crate::cloud::Cloud;
use crate::name::{NameError, Registry, Repository, Tag};
use crate::text::refused_value;

pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn secret(text: &str) -> Result<SecretString, String> {
    Ok(text.into())
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    Ok(text.into())
}

/// A folder that the run writes to. Replacement characters are refused: they would make it another folder.
pub(super) fn folder(text: &str) -> Result<PathBuf, String> {
    if text.contains('\u{fffd}') {
        return Err("the folder's name must be UTF-8".to_owned());
    }
    Ok(text.into())
}

/// A file that the run writes.
pub(super) fn output_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if text.contains('\u{fffd}') {
        return Err("the file's name must be UTF-8".to_owned());
    }
    if text.ends_with('/') || path.file_name().is_none() {
        return Err("it must be the path of a file".to_owned());
    }
    Ok(path)
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => {
            let perhaps = perhaps(text, &["true", "false", "yes"]);
            Err(format!("it must be true or false{perhaps}"))
        }
    }
}

pub(super) fn repository_path(text: &str) -> Result<Repository, String> {
    let segments: Vec<_> = text
        .split('/')
        .map(str::trim)
        .filter(|segment| !segment.is_empty())
        .collect();
    let path =
        Repository::from_str(&segments.join("/")).map_err(|error| error.reason().to_owned())?;
    // Leaves room for the last segment of an image's name.
    if path.as_str().len() > 180 {
        return Err("it is longer than 180 characters".to_owned());
    }
    Ok(path)
}

pub(super) fn git_ref(text: &str) -> Result<Tag, String> {
    let text = &refused_value(text);
    if text.contains("://") {
        return Err("it must be the branch as it appears in the tags, such as main".to_owned());
    }
    if text.contains('/') {
        let flat = text.trim_matches('/').replace('/', "-");
        return Err(format!(
            "a tag cannot contain '/', so there is no tag {text}-latest; give the branch as it appears in the \
             tags, perhaps {flat:?}"
        ));
    }
    // Leaves room for `-` and a full git hash.
    if text.len() > 80 {
        return Err("it is longer than 80 characters".to_owned());
    }
    Tag::from_str(text).map_err(|error| error.reason().to_owned())
}

pub(super) fn images(text: &str) -> Result<BTreeSet<Category>, String> {
    let text = text.to_ascii_lowercase();
    if text == "all" {
        return Ok(Category::ALL.into());
    }
    let found = Category::ALL
        .into_iter()
        .find(|category| category.option() == text);
    found
        .map(|category| BTreeSet::from([category]))
        .ok_or_else(|| {
            let perhaps = perhaps(&text, &["all", "codecollection", "runwhen-local", "extra"]);
            format!("it must be all, codecollection, runwhen-local or extra{perhaps}")
        })
}

/// The value of `IMAGES` that selects these categories.
pub(super) fn images_option(images: &BTreeSet<Category>) -> String {
    let mut options = images.iter().map(|category| category.option());
    match (options.next(), options.next()) {
        (Some(only), None) => only.to_owned(),
        _ => "all".to_owned(),
    }
}

pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("it must be a whole number of seconds from 1 to 86400".to_owned()),
    }
}

/// The registries that `REGISTRY_INSECURE` names, separated by commas or blanks.
pub(super) fn registries(text: &str) -> Result<BTreeSet<Registry>, String> {
    let names = text.split([',', ' ']).map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(|name| {
            name.parse()
                .map_err(|error: NameError| error.reason().to_owned())
        })
        .collect()
}

pub(super) fn copy_concurrency(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=64) => Ok(count),
        _ => Err("it must be a whole number from 1 to 64".to_owned()),
    }
}

pub(super) fn sync_method(text: &str) -> Result<SyncMethod, String> {
    let methods = [SyncMethod::Auto, SyncMethod::Import, SyncMethod::Copy];
    choice(
        text,
        "auto, import or copy",
        &methods.map(|method| (method.name(), method)),
    )
}

pub(super) fn registry_type(text: &str) -> Result<RegistryType, String> {
    let types = [RegistryType::Acr, RegistryType::Oci];
    choice(text, "acr or oci", &types.map(|kind| (kind.name(), kind)))
}

pub(super) fn log_level(text: &str) -> Result<String, String> {
    let levels = ["error", "warn", "info", "debug"];
    let level = choice(
        text,
        "error, warn, info or debug",
        &levels.map(|level| (level, level)),
    )?;
    Ok(level.to_owned())
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    let formats = [LogFormat::Text, LogFormat::Json];
    choice(
        text,
        "text or json",
        &formats.map(|format| (format.name(), format)),
    )
}

pub(super) fn cloud(text: &str) -> Result<Cloud, String> {
    let form = "AzureCloud, AzureUSGovernment or AzureChinaCloud";
    choice(text, form, &Cloud::ALL.map(|cloud| (cloud.name(), cloud)))
}

/// One of these values, in any case. `form` lists them in a message.
pub(super) fn choice<T: Copy>(
    text: &str,
    form: &str,
    choices: &[(&'static str, T)],
) -> Result<T, String> {
    let found = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        format!("it must be {form}{}", perhaps(text, &names))
    })
}

pub(super) fn https_url(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.has_host() && is_bare(&url) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("it must be an https URL without user and query".to_owned()),
    }
}

/// True if a URL has no user, password, query and fragment, any of which may contain a secret.
pub(super) fn is_bare(url: &Url) -> bool {
    url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

pub(super) fn proxy(text: &str) -> Result<SecretString, String> {
    // curl and az accept `host:port` for a proxy too.
    let url = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    match Url::parse(&url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => {
            Ok(url.into())
        }
        _ => Err("it must be a URL such as http://proxy.example:3128".to_owned()),
    }
}

pub(super) fn uuid(text: &str) -> Result<String, String> {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    let valid =
        groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    valid.then(|| text.to_ascii_lowercase()).ok_or_else(|| {
        "it must be a subscription id such as 11111111-2222-3333-4444-555555555555".to_owned()
    })
}
