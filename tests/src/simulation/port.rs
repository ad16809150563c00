//! An actor's way into the world: store, clock and provider, one yield a call.

use std::future::{Future, poll_fn};
use std::task::Poll;

use aftercare::channel::{CallError, Outbound};
use aftercare::store::lease::Clock;
use aftercare::store::{Store, StoreError};
use aftercare::time::Time;
use chrono::TimeDelta;
use http::Response;

use super::world::{ActorId, Answer, Request, Shared};

#[derive(Clone)]
pub(super) struct Port {
    pub(super) world: Shared,
    pub(super) actor: ActorId,
}

impl Port {
    /// Issues a call at once; the future waits for its answer. A call goes on without anybody who waits.
    pub(super) fn call(&self, request: Request) -> impl Future<Output = Answer> + use<> {
        let id = self.world.borrow_mut().issue(self.actor, request);
        let world = self.world.clone();
        poll_fn(move |context| {
            let answer = world.borrow_mut().poll(id, context.waker());
            answer.map_or(Poll::Pending, Poll::Ready)
        })
    }
}

/// Every request has one kind of answer.
fn mixed_up() -> StoreError {
    StoreError::Failed("the simulation mixed up its answers".to_owned())
}

impl Store for Port {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.call(Request::Get(key.to_owned())).await {
            Answer::Value(value) => value,
            _ => Err(mixed_up()),
        }
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        match self.call(Request::Set(key.to_owned(), value.to_vec())).await {
            Answer::Done(done) => done,
            _ => Err(mixed_up()),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.call(Request::Delete(key.to_owned())).await {
            Answer::Done(done) => done,
            _ => Err(mixed_up()),
        }
    }

    async fn keys(&self) -> Result<Vec<String>, StoreError> {
        match self.call(Request::Keys).await {
            Answer::Keys(keys) => keys,
            _ => Err(mixed_up()),
        }
    }
}

impl Clock for Port {
    fn now(&self) -> Time {
        self.world.borrow().clock(self.actor)
    }

    async fn wait(&self, duration: TimeDelta) {
        self.call(Request::Wait(duration)).await;
    }
}

impl Outbound for Port {
    async fn call(&self, request: http::Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallError> {
        match Port::call(self, Request::Send(Box::new(request))).await {
            Answer::Reply(reply) => reply,
            _ => Err(CallError::NotSent("the simulation mixed up its answers".to_owned())),
        }
    }
}
