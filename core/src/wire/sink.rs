//! A body that is read while it arrives, so that it is never held whole.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Reads the body of a successful response.
pub trait Receive: Send {
    /// Forgets what was received: the body is sent again from its beginning.
    fn restart(&mut self);

    /// Reads the next part of the body. The rest is not requested after `Break`.
    fn receive(&mut self, part: &[u8]) -> ControlFlow<()>;
}

/// The receiver of a request, which has the result after the request.
pub struct Sink<R: ?Sized>(Arc<Mutex<R>>);

impl<R> Sink<R> {
    pub fn new(receiver: R) -> Self {
        Self(Arc::new(Mutex::new(receiver)))
    }
}

impl<R: Receive + 'static> Sink<R> {
    /// The same receiver, for [`super::Request::sink`].
    pub fn erased(&self) -> Sink<dyn Receive> {
        Sink(Arc::clone(&self.0) as Arc<_>)
    }
}

impl<R: ?Sized> Sink<R> {
    pub fn lock(&self) -> MutexGuard<'_, R> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: ?Sized> Clone for Sink<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: ?Sized> fmt::Debug for Sink<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}
