//! The platform whose manifest decides which tags are the same image: operating system, architecture, variant.
//!
//! Names are normalized as containerd does it (`aarch64` is `arm64`, `arm` is `arm/v7`, `arm64` is `arm64/v8`), because
//! indexes write the same platform in several ways.
//! Source: <https://github.com/containerd/platforms/blob/v1.0.0/database.go>.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A Linux platform. RunWhen publishes Linux images only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    architecture: String,
    /// Without its leading `v`; None if the user did not choose one.
    variant: Option<String>,
}

/// A platform as an entry of an index describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Described {
    architecture: String,
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    variant: Option<String>,
}

/// How well an entry serves a platform; less is better.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit(bool, Reverse<String>);

impl Platform {
    /// The architecture alone, as upstream's alias tags (`amd64-main-latest`) have it.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// How well the image of an index entry serves this platform; None if it is for another one.
    ///
    /// A variant that the user chose must be the entry's. Without one the architecture's usual variant is the best,
    /// and another variant serves only in an index that lacks it.
    pub fn fit(&self, entry: &Described) -> Option<Fit> {
        let os = entry.os.as_deref().unwrap_or_default();
        let is_linux = os.is_empty() || os.eq_ignore_ascii_case("linux");
        let (architecture, implied) = normalized(&entry.architecture.to_ascii_lowercase());
        if !is_linux || architecture != self.architecture {
            return None;
        }
        let usual = usual_variant(&architecture);
        let written = entry.variant.as_deref().unwrap_or_default();
        let written = written.to_ascii_lowercase();
        let found = match written.trim_start_matches('v') {
            "" => implied.unwrap_or(usual),
            variant => variant,
        };
        match &self.variant {
            Some(wanted) if wanted != found => None,
            Some(_) | None => Some(Fit(found != usual, Reverse(found.to_owned()))),
        }
    }
}

/// The architecture's name in the image specification, and the variant that another name of it implies.
fn normalized(architecture: &str) -> (String, Option<&'static str>) {
    let (name, variant) = match architecture {
        "x86_64" | "x86-64" => ("amd64", None),
        "aarch64" => ("arm64", None),
        "armhf" => ("arm", Some("7")),
        "armel" => ("arm", Some("6")),
        other => (other, None),
    };
    (name.to_owned(), variant)
}

/// The variant of an architecture without one.
fn usual_variant(architecture: &str) -> &'static str {
    match architecture {
        "amd64" => "1",
        "arm" => "7",
        "arm64" => "8",
        _ => "",
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_word = |part: &str| {
            (1..=32).contains(&part.len())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b))
        };
        let is_variant = |part: &str| {
            let digits = part.strip_prefix('v').unwrap_or(part);
            is_word(part) && digits.starts_with(|first: char| first.is_ascii_digit())
        };
        let parts: Vec<_> = text.split('/').collect();
        let (architecture, variant) = match parts.as_slice() {
            ["linux", architecture, variant] | [architecture, variant] if is_variant(variant) => {
                (*architecture, Some(*variant))
            }
            ["linux", architecture] | [architecture] => (*architecture, None),
            [os, _, _] | [os, _] if is_word(os) && *os != "linux" => {
                return Err(format!(
                    "the images are for linux, not for {os}; write an architecture with or without a variant, such \
                     as amd64, arm64/v8 or linux/arm/v7"
                ));
            }
            _ => ("", None),
        };
        if !is_word(architecture) || architecture == "linux" {
            return Err(
                "it must be an architecture of the image specification, with or without linux/ before and a variant \
                 after it, such as amd64, arm64/v8 or linux/arm/v7"
                    .to_owned(),
            );
        }
        let (architecture, implied) = normalized(architecture);
        let variant = variant.map(|variant| variant.trim_start_matches('v'));
        Ok(Self {
            architecture,
            variant: variant.or(implied).map(ToOwned::to_owned),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variant {
            Some(variant) => write!(f, "{}/v{variant}", self.architecture),
            None => f.write_str(&self.architecture),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(text: &str) -> Described {
        let parts: Vec<_> = text.split('/').collect();
        let part = |at: usize| parts.get(at).map(|part| (*part).to_owned());
        Described {
            architecture: part(1).unwrap(),
            os: part(0),
            variant: part(2),
        }
    }

    /// The position of the chosen entry.
    fn chosen(wanted: &str, entries: &[&str]) -> Option<usize> {
        let platform: Platform = wanted.parse().unwrap();
        let fits = entries.iter().enumerate();
        fits.filter_map(|(at, entry)| Some((platform.fit(&described(entry))?, at)))
            .min()
            .map(|(_, at)| at)
    }

    #[test]
    fn names_of_the_same_platform_are_equal() {
        for (text, shown) in [
            ("amd64", "amd64"),
            ("linux/amd64", "amd64"),
            ("x86_64", "amd64"),
            ("arm64/v8", "arm64/v8"),
            ("linux/arm64/v8", "arm64/v8"),
            ("linux/aarch64", "arm64"),
            ("arm", "arm"),
            ("arm/v7", "arm/v7"),
            ("arm/7", "arm/v7"),
            ("linux/arm/v6", "arm/v6"),
            ("armhf", "arm/v7"),
            ("s390x", "s390x"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), shown);
        }
        for wrong in [
            "",
            "/",
            "linux",
            "linux/",
            "amd64/",
            "/amd64",
            "AMD64",
            "linux/arm/v7/x",
            "amd 64",
            "windows/amd64",
            "linux/linux",
        ] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
        let error = "windows/amd64".parse::<Platform>().unwrap_err();
        assert!(error.contains("not for windows"), "{error}");
    }

    #[test]
    fn entry_of_another_system_or_variant_is_skipped() {
        for (wanted, entries, at) in [
            ("amd64", &["windows/amd64", "linux/amd64"][..], Some(1)),
            ("amd64", &["windows/amd64"], None),
            (
                "amd64",
                &["unknown/unknown", "linux/arm64", "linux/amd64"],
                Some(2),
            ),
            ("amd64", &["linux/amd64/v3", "linux/amd64"], Some(1)),
            ("amd64", &["linux/amd64/v3", "linux/amd64/v1"], Some(1)),
            ("amd64", &["linux/amd64/v3"], Some(0)),
            ("arm", &["linux/arm/v6", "linux/arm/v7"], Some(1)),
            ("arm", &["linux/arm/v6", "linux/arm"], Some(1)),
            ("arm", &["linux/arm/v5", "linux/arm/v6"], Some(1)),
            ("arm/v7", &["linux/arm/v6", "linux/arm/v7"], Some(1)),
            ("arm/v7", &["linux/arm/v6", "linux/arm"], Some(1)),
            ("arm/v7", &["linux/arm/v6"], None),
            ("arm/v6", &["linux/arm/v7", "linux/arm/v6"], Some(1)),
            ("arm64", &["linux/arm64/v8"], Some(0)),
            ("arm64/v8", &["linux/arm/v7", "linux/arm64"], Some(1)),
            ("arm64/v9", &["linux/arm64", "linux/arm64/v9"], Some(1)),
            // An index without the system, and one that writes it in capitals.
            ("amd64", &["/amd64"], Some(0)),
            ("amd64", &["Linux/AMD64"], Some(0)),
        ] {
            assert_eq!(chosen(wanted, entries), at, "{wanted} of {entries:?}");
        }
    }
}
