//! The images that a user configures in addition to RunWhen's, and the texts that describe them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::{Config, Variable, variables};
use crate::category::Category;

/// The longest text, inline or in a file.
const LONGEST: usize = 256 * 1024;

/// A text that a variable contains, or that is in the file that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GivenText {
    pub text: String,
    /// None for a text in the variable itself.
    pub file: Option<PathBuf>,
}

impl Config {
    /// True if `IMAGES` leaves out a category. Without extra images, it cannot leave out extra ones by its default.
    pub(crate) fn leaves_out(&self, category: Category) -> bool {
        let has_both = [Category::CodeCollection, Category::RunWhenLocal]
            .iter()
            .all(|other| self.images.contains(other));
        !(self.images.contains(&category) || category == Category::Extra && has_both)
    }
}

impl Reader<'_> {
    /// The categories of `IMAGES`. Extra images are checked only if there are some.
    pub(super) fn images(&mut self, has_extra: bool) -> Option<BTreeSet<Category>> {
        let mut images = self.read(&variables::IMAGES)?;
        if !has_extra {
            images.remove(&Category::Extra);
        }
        if images.is_empty() {
            let reason = "no extra images are configured: set EXTRA_IMAGES or EXTRA_CHARTS";
            let option = Category::Extra.option();
            self.mistake(&variables::IMAGES, Some(option), reason);
            return None;
        }
        Some(images)
    }

    /// True if the images are those of a plan or a bundle, whatever the settings name.
    pub(super) fn has_its_own_images(&self) -> bool {
        matches!(self.inputs.subcommand, Some("apply" | "export" | "import"))
    }

    /// The text of a variable, or that of the file whose path it is; none if it is unset, and after a mistake.
    pub(super) fn text_or_file(&mut self, variable: &Variable) -> Option<GivenText> {
        let path_or_text = self.inputs.get(variable)?;
        if !is_path(&path_or_text) {
            // The indentation of the first line has a meaning in YAML.
            let whole = (self.inputs.variable)(variable.name).unwrap_or(path_or_text);
            return self.limited(variable, whole, None);
        }
        let path = Path::new(&path_or_text);
        match (self.inputs.file)(path) {
            Ok(text) => self.limited(variable, text, Some(path.to_owned())),
            Err(error) => {
                let reason = format!("the file cannot be read: {error}");
                self.mistake(variable, Some(&path_or_text), reason);
                None
            }
        }
    }

    fn limited(
        &mut self,
        variable: &Variable,
        text: String,
        file: Option<PathBuf>,
    ) -> Option<GivenText> {
        if text.len() > LONGEST {
            let reason = format!("it is longer than {} KiB", LONGEST / 1024);
            let path = file.as_ref().map(|path| path.display().to_string());
            self.mistake(variable, path.as_deref(), reason);
            return None;
        }
        Some(GivenText { text, file })
    }
}

/// True for the path of a file: one line that begins with `/`, `./` or `../`, or that ends in `.yaml`, `.yml` or `.json` and
/// does not begin as YAML does.
fn is_path(text: &str) -> bool {
    let begins = |with: &[&str]| with.iter().any(|start| text.starts_with(start));
    let is_yaml = text.contains('\n') || begins(&["-", "[", "{", "#"]) || text.contains(": ");
    let lower = text.to_ascii_lowercase();
    let has_ending = [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| lower.ends_with(end));
    !is_yaml && (has_ending || begins(&["/", "./", "../"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_one_line_with_the_form_of_a_path() {
        for text in [
            "/etc/extra",
            "./extra",
            "../extra.txt",
            "extra.yaml",
            "conf/extra images.YML",
            "extra.json",
        ] {
            assert!(is_path(text), "{text}");
        }
        for text in [
            "ghcr.io/a/b:1.2",
            "ghcr.io/a/b:1.2, quay.io/c/d:1",
            "- source: a.yaml",
            "- values_file: ./values.yaml",
            "[{values_file: values.yaml}]",
            "repository: /charts\nvalues_file: values.yaml",
            "extra",
        ] {
            assert!(!is_path(text), "{text}");
        }
    }
}
