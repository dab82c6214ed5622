//! The faults of a sandbox, and how often each of them applies.

use crate::fault::{ConnectionFault, Fault, FaultKind};
use serde::{Deserialize, Serialize};

/// A fault in the table, with the number of its matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmedFault {
    /// The number that [`crate::Sandbox::inject`] returned.
    #[serde(default)]
    pub id: u64,
    /// The conditions.
    #[serde(flatten)]
    pub fault: Fault,
    /// The effect.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// The number of requests (or connections) that matched.
    #[serde(default)]
    pub matches: u32,
    /// The number of requests (or connections) that failed.
    #[serde(default)]
    pub hits: u32,
}

impl ArmedFault {
    /// Counts a match. True if this request fails.
    fn triggers(&mut self) -> bool {
        self.matches += 1;
        let triggers = self.matches > self.fault.after
            && self.fault.times.is_none_or(|times| self.hits < times);
        if triggers {
            self.hits += 1;
        }
        triggers
    }
}

/// All faults in the order in which they were added. The first one that matches and triggers applies.
#[derive(Debug, Default)]
pub struct FaultTable {
    armed: Vec<ArmedFault>,
    last_id: u64,
}

impl FaultTable {
    /// Adds a fault and returns its number.
    pub fn add(&mut self, fault: Fault, kind: FaultKind) -> u64 {
        self.last_id += 1;
        self.armed.push(ArmedFault {
            id: self.last_id,
            fault,
            kind,
            matches: 0,
            hits: 0,
        });
        self.last_id
    }

    /// Removes all faults.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// Returns all faults.
    #[must_use]
    pub fn all(&self) -> &[ArmedFault] {
        &self.armed
    }

    /// Returns the fault of a new connection to this host.
    pub fn on_connection(&mut self, host: &str) -> Option<ConnectionFault> {
        self.armed.iter_mut().find_map(|armed| match &armed.kind {
            FaultKind::Connection(fault) if armed.fault.matches_host(host) => {
                let fault = fault.clone();
                armed.triggers().then_some(fault)
            }
            FaultKind::Connection(_) | FaultKind::Replaced(_) | FaultKind::Damaged(_) => None,
        })
    }

    /// Returns the fault of this request; `target` is its path and query, `about` the text for [`Fault::about`].
    pub fn on_request(
        &mut self,
        host: &str,
        method: &str,
        target: &str,
        about: &str,
    ) -> Option<FaultKind> {
        self.armed.iter_mut().find_map(|armed| match &armed.kind {
            FaultKind::Replaced(_) | FaultKind::Damaged(_)
                if armed.fault.matches_request(host, method, target, about) =>
            {
                armed.triggers().then(|| armed.kind.clone())
            }
            FaultKind::Connection(_) | FaultKind::Replaced(_) | FaultKind::Damaged(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{DamagedResponse, ReplacedResponse, RetryAfter};

    #[test]
    fn after_and_times_limit_which_matching_requests_fail() {
        let mut table = FaultTable::default();
        let fault = Fault::on("a.example")
            .method("get")
            .path_contains("tags")
            .after(1)
            .times(2);
        table.add(fault, ReplacedResponse::Html.into());
        let mut fails = |method| {
            table
                .on_request("a.example", method, "/v2/x/tags/list", "")
                .is_some()
        };
        assert_eq!(
            ["GET", "GET", "HEAD", "GET", "GET"].map(&mut fails),
            [false, true, false, true, false]
        );
        assert_eq!(table.all()[0].hits, 2);
        assert!(table.on_connection("a.example").is_none());
    }

    #[test]
    fn json_of_each_group_is_read_and_written_with_one_kind() {
        let faults: [(&str, FaultKind); 3] = [
            (
                r#""kind":"tunnel_refused","code":403"#,
                ConnectionFault::TunnelRefused { code: 403 }.into(),
            ),
            (
                r#""kind":"too_many_requests","retry_after":{"seconds":2}"#,
                ReplacedResponse::TooManyRequests {
                    retry_after: RetryAfter::Seconds(2),
                }
                .into(),
            ),
            (
                r#""kind":"slow_drip","milliseconds":3"#,
                DamagedResponse::SlowDrip { milliseconds: 3 }.into(),
            ),
        ];
        for (fields, kind) in faults {
            let json = format!(r#"{{"host":"myacr.azurecr.io","times":1,{fields}}}"#);
            let armed: ArmedFault = serde_json::from_str(&json).unwrap();
            assert_eq!(armed.fault, Fault::on("myacr.azurecr.io").once());
            assert_eq!(armed.kind, kind);
            let written = serde_json::to_string(&armed).unwrap();
            assert!(written.contains(fields), "{written}");
        }
    }

    #[test]
    fn unknown_kind_is_an_error_with_all_names() {
        let error = serde_json::from_str::<ArmedFault>(r#"{"host":"*","kind":"refuse"}"#);
        let message = error.unwrap_err().to_string();
        for name in ["`refused`", "`stall`", "`missing_digest_header`"] {
            assert!(message.contains(name), "{message}");
        }
    }
}
