//! The way from the domain to a Spin host: the only crate that knows the SDK, so that another SDK version touches one
//! place.

mod host;
pub mod inbound;
mod outbound;
pub mod settings;
pub mod webhook;

pub use host::{KeyValue, WallClock, list, seed, variable};
pub use outbound::Http;
pub use spin_executor::run;
#[doc(hidden)]
pub use wasi;

/// What a handler gets.
pub mod http {
    pub use wasi::exports::http::incoming_handler::Guest;
    pub use wasi::http::types::{IncomingRequest, ResponseOutparam};
}

/// Makes an `async fn(IncomingRequest, ResponseOutparam)` the component's handler. A function of that form may go on
/// after its answer was sent.
///
/// It does what the SDK's `#[http_component]` does for such a function, on the same bindings of WASI 0.2.0 that the SDK
/// is built on, without conversions between two sets of types.
#[macro_export]
macro_rules! serve {
    ($handler:path) => {
        struct Component;

        impl $crate::http::Guest for Component {
            fn handle(request: $crate::http::IncomingRequest, out: $crate::http::ResponseOutparam) {
                $crate::run($handler(request, out));
            }
        }

        $crate::wasi::http::proxy::export!(Component with_types_in $crate::wasi);
    };
}
