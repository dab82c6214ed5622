//! Tables of failure cases.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

/// More than a machine has processors, because runs mostly wait.
const AT_ONCE: usize = 6;

/// Tests cases concurrently; the failure lists the names of the cases that failed.
#[track_caller]
pub fn test_all<T: Sync>(cases: &[T], name: impl Fn(&T) -> &'static str, test: impl Fn(&T) + Sync) {
    let left = Mutex::new(cases.iter());
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            // Not in a `while let`: the lock must not be held meanwhile.
            let next = left.lock().expect("the cases").next();
            let Some(case) = next else { return };
            if catch_unwind(AssertUnwindSafe(|| test(case))).is_err() {
                failed.lock().expect("the failed cases").push(case);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cases.len()) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().expect("the failed cases");
    let failed: Vec<_> = failed.into_iter().map(name).collect();
    assert!(failed.is_empty(), "failed cases: {failed:?}");
}
