//! The way from the domain to a Spin host: the only crate that knows the SDK, so that another SDK version touches one
//! place.

mod host;
pub mod inbound;
mod outbound;
pub mod webhook;

pub use host::{KeyValue, WallClock, list, seed, variable};
pub use outbound::Http;
/// The SDK's macro writes `::spin_sdk::http` and `::spin_sdk::wit_bindgen`; [`serve!`] lets a component call this crate
/// by that name.
#[doc(hidden)]
pub use spin_sdk::{http, http_component, wit_bindgen};

/// Makes an `async fn(IncomingRequest, ResponseOutparam)` the component's handler. A function of that form may go on
/// after its answer was sent.
#[macro_export]
macro_rules! serve {
    ($handler:path) => {
        extern crate adapter as spin_sdk;

        #[$crate::http_component]
        async fn serve(request: $crate::http::IncomingRequest, answer: $crate::http::ResponseOutparam) {
            $handler(request, answer).await;
        }
    };
}
