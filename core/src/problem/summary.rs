//! A problem in a few words, for titles and for the lines of the log.

use super::{Cause, Problem, Side};

impl Problem {
    /// The cause without the request and the text of the service.
    pub fn summary(&self) -> String {
        match (self.cause, self.side) {
            (Cause::Configuration, Side::ChartRepository) => {
                "the settings of the chart must be corrected".to_owned()
            }
            (Cause::Configuration, _) => "a setting must be corrected".to_owned(),
            (Cause::Invalid, Side::ChartRepository) => "the chart cannot be used".to_owned(),
            (Cause::Rejected, Side::ResourceManager) => "the import failed in Azure".to_owned(),
            (Cause::Deadline, _) => "the time was not sufficient".to_owned(),
            (Cause::Interrupted, _) => "the run was stopped".to_owned(),
            (_, Side::Destination) => format!("the destination {}", self.predicate()),
            (_, side) => {
                let name = side.subject();
                let name = name
                    .strip_prefix("The ")
                    .map_or_else(|| name.to_owned(), |rest| format!("the {rest}"));
                format!("{name} {}", self.predicate())
            }
        }
    }

    /// What the side did, after its name.
    pub(crate) fn predicate(&self) -> &'static str {
        match self.cause {
            Cause::Configuration => "does not fit the settings",
            Cause::AccessDenied => "refused access",
            Cause::NotFound => "does not have the content",
            Cause::Unreachable => "could not be reached",
            Cause::Throttled => "limits the requests",
            Cause::Unavailable => "reported a failure of its own",
            Cause::TimedOut => "did not respond in time",
            Cause::Invalid if self.side == Side::Bundle => "has content that cannot be used",
            Cause::Invalid => "sent a response that cannot be used",
            Cause::Moved => "has changed since the plan was made",
            Cause::Rejected => match self.side {
                Side::Destination | Side::ResourceManager => "does not accept the import",
                Side::Source
                | Side::Entra
                | Side::Catalog
                | Side::Bundle
                | Side::ChartRepository
                | Side::Collector
                | Side::Local => "refused the request",
            },
            Cause::Deadline => "did not respond before the deadline",
            Cause::Interrupted => "did not respond before the run was stopped",
        }
    }
}

impl Side {
    /// The name at the beginning of a sentence.
    pub(crate) fn subject(self) -> &'static str {
        match self {
            Side::Source => "The source registry",
            Side::Destination => "The destination",
            Side::Entra => "Microsoft Entra",
            Side::ResourceManager => "Azure Resource Manager",
            Side::Catalog => "The CodeCollection catalog",
            Side::ChartRepository => "The chart repository",
            Side::Bundle => "The bundle",
            Side::Collector => "The metrics collector",
            Side::Local => "This run",
        }
    }
}
