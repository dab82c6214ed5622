//! `acr-sync explain`: why an image has its verdict.

use acr_sync_core::explain::{Explained, Explanation, json, markdown, text};
use acr_sync_core::report::Status;
use clap::{Arg, ArgMatches, Command};

use super::Format;
use crate::commands::Session;
use crate::outputs;

/// Adds the argument to the subcommand.
pub(super) fn with_image(command: Command) -> Command {
    let image = Arg::new("image")
        .value_name("IMAGE")
        .help("The image; all of them if it is absent.")
        .long_help(
            "The image: its last segment, its whole name or its slug, or the end of one of them, with or without a tag. \
             Without it, all images are explained briefly.",
        );
    crate::settings::without_in_short_help(command.arg(image), &["SYNC_METHOD", "EXCLUDE_IMAGES"])
}

/// The image that is to be explained; `None` for all.
pub(super) fn image(options: &ArgMatches) -> Option<String> {
    options.get_one::<String>("image").cloned()
}

pub(super) async fn explain(
    session: &Session,
    name: Option<&str>,
    format: Format,
) -> anyhow::Result<Status> {
    session.progress.show();
    let explained = session.run(async |run| run.explain(name).await).await?;
    match explained {
        Explained::Images(chapters) => {
            outputs::print(&match format {
                Format::Text => text(&chapters),
                Format::Json => json(&chapters),
                Format::Markdown => markdown(&chapters),
            })?;
            let is_unknown = |image: &Explanation| image.is_unknown;
            let mut images = chapters.iter().flat_map(|chapter| &chapter.images);
            Ok(match images.any(is_unknown) {
                true => Status::Unknown,
                false => Status::Complete,
            })
        }
        Explained::Ambiguous { text, names } => {
            let names = names.join(", ");
            tracing::error!("several images end with {text:?}: choose one of {names}");
            Ok(Status::Configuration)
        }
        Explained::NoSuchImage {
            name,
            nearest,
            excluded_by,
            undiscovered,
        } => {
            if !excluded_by.is_empty() {
                let by = excluded_by.join(", ");
                tracing::error!(
                    "the image {name:?} is not checked, because EXCLUDE_IMAGES excludes it ({by}): remove that from \
                     EXCLUDE_IMAGES to have the image explained"
                );
                return Ok(Status::Configuration);
            }
            let suggestion = match &nearest[..] {
                [] => {
                    "run acr-sync explain without a name to see all images; IMAGES may exclude some"
                        .to_owned()
                }
                [one] => format!("did you mean {one}?"),
                names => format!("did you mean one of these? {}", names.join(", ")),
            };
            for problem in &undiscovered {
                tracing::error!("some images are not known: {problem}");
            }
            tracing::error!("there is no image {name:?}: {suggestion}");
            Ok(match undiscovered.is_empty() {
                true => Status::Configuration,
                false => Status::Unknown,
            })
        }
    }
}
