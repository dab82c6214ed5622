//! Tables of failure cases.

use std::thread;

/// More than a machine has processors, because runs mostly wait.
const AT_ONCE: usize = 6;

/// Tests cases concurrently; the failure lists the names of the cases that failed.
#[track_caller]
pub fn test_all<T: Sync>(cases: &[T], name: impl Fn(&T) -> &'static str, test: impl Fn(&T) + Sync) {
    let test = &test;
    let mut failed = Vec::new();
    for cases in cases.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let threads: Vec<_> = cases
                .iter()
                .map(|case| (name(case), scope.spawn(move || test(case))))
                .collect();
            for (name, thread) in threads {
                if thread.join().is_err() {
                    failed.push(name);
                }
            }
        });
    }
    assert!(failed.is_empty(), "failed cases: {failed:?}");
}
