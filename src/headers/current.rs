//! The current test of a task: for which test the code that runs now works.
//!
//! It belongs to a future, not to a thread or a process; a spawned task has
//! none until it is given one.

use tokio::task::futures::TaskLocalFuture;

use super::CurrentTest;

tokio::task_local! {
    static CURRENT: Option<CurrentTest>;
}

/// Runs a future as part of a test, or of none: calls that it makes through
/// [`CurrentTestLayer`](super::CurrentTestLayer) or
/// [`CurrentTestInterceptor`](super::CurrentTestInterceptor) carry the test's
/// headers.
///
/// A task that the future spawns is not part of the test; pass it on:
///
/// ```
/// use livecheck::headers::{CurrentTest, current_test, with_current_test};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let now = chrono::Utc::now();
/// let test = CurrentTest::new("o-1", "orders.test_order", now, now)?;
///
/// with_current_test(test, async {
///     assert_eq!(current_test().expect("is given").id(), "o-1");
///
///     tokio::spawn(with_current_test(current_test(), async {
///         assert_eq!(current_test().expect("is passed on").id(), "o-1");
///     }))
///     .await
/// })
/// .await?;
///
/// assert_eq!(current_test(), None);
/// # Ok(())
/// # }
/// ```
pub fn with_current_test<F: Future>(
    test: impl Into<Option<CurrentTest>>,
    future: F,
) -> TaskLocalFuture<Option<CurrentTest>, F> {
    CURRENT.scope(test.into(), future)
}

/// The test that the running task works for, if any.
pub fn current_test() -> Option<CurrentTest> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}
