//! HTTP requests that guests send: to allowed hosts, to other components, or to nobody.

use std::io;
use std::sync::Arc;

use http::uri::Authority;
use http::{Request, Response, Uri, header};
use http_body_util::BodyExt;
use wasmtime_wasi_http::p2::bindings::http::types::{DnsErrorPayload, ErrorCode};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::allowed_hosts::chained_component;
use crate::app::{App, Component};
use crate::counters::count;
use crate::profile::Rate;
use crate::store::Faults;

/// A guest's way out.
pub(crate) struct Outgoing {
    app: Arc<App>,
    component: Arc<Component>,
}

/// The rest of a connection's life after the answer has begun.
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(Response<WasiBody>, Rest), Error>;

impl Outgoing {
    pub(crate) fn new(app: Arc<App>, component: Arc<Component>) -> Self {
        Self { app, component }
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (app, component) = (self.app.clone(), self.component.clone());
        Box::new(async move { send(&app, &component, request, options).await })
    }

    fn p2_error_from_connect(&mut self, error: &io::Error) -> ErrorCode {
        // The standard library has no kind of its own for a name that cannot be resolved.
        if error.to_string().contains("failed to lookup address")
            || error.kind() == io::ErrorKind::AddrNotAvailable
        {
            let rcode = Some("address not available".to_owned());
            return ErrorCode::DnsError(DnsErrorPayload { rcode, info_code: Some(0) });
        }
        ErrorCode::ConnectionRefused
    }
}

async fn send(
    app: &Arc<App>,
    component: &Component,
    mut request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Sent {
    if app.faults.as_ref().is_some_and(Faults::power_is_cut) {
        return Err(Error::InternalError(Some("the power is cut".into())));
    }
    if is_own(request.uri()) {
        if !component.allowed_hosts.allow_self() {
            return Err(Error::HttpRequestDenied);
        }
        return send_to_self(app, request).await;
    }
    if !component.allowed_hosts.allow(request.uri()) {
        app.log.line(
            &component.id,
            &format!(
                "a request to {} was refused: add it to allowed_outbound_hosts of [component.{}]",
                origin(request.uri()),
                component.id
            ),
        );
        return Err(Error::HttpRequestDenied);
    }
    if let Some(target) = chained_component(request.uri()) {
        if app.limits.no_chaining {
            // To the platform it is a name like any other, and nobody has it.
            return Err(Error::DnsError { rcode: Some("address not available".into()), info_code: Some(0) });
        }
        count(&app.counters.chained);
        let target = target.to_owned();
        request.headers_mut().remove(header::HOST);
        return inside(app.chain(&target, request).await);
    }
    if app.outgoing.as_ref().is_some_and(|rate| !Rate::allows(rate)) {
        app.log.line(
            &component.id,
            "a request was refused: the platform's hourly number of outgoing requests is used up",
        );
        return Err(Error::HttpRequestDenied);
    }
    count(&app.counters.outbound);
    let call = app.clock.manual().map(crate::clock::ManualClock::call);
    let (response, rest) = wasmtime_wasi_http::default_send_request(request, options).await?;
    // The call is under way until the whole answer was read.
    let response = response.map(|body| {
        body.map_frame(move |frame| {
            let _under_way = &call;
            frame
        })
        .boxed_unsync()
    });
    Ok((response, Box::new(rest)))
}

/// A request to the application itself, by a relative URL or to `self.alt`.
async fn send_to_self(app: &Arc<App>, mut request: Request<WasiBody>) -> Sent {
    count(&app.counters.chained);
    let address = app.address.to_string();
    let mut uri = request.uri().clone().into_parts();
    uri.authority = Some(address.parse::<Authority>().map_err(|_| Error::HttpRequestUriInvalid)?);
    uri.scheme = Some(http::uri::Scheme::HTTP);
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| Error::HttpRequestUriInvalid)?;
    let host = address.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(header::HOST, host);
    inside(Ok(app.answer_self(request).await))
}

fn inside(response: Result<Response<wasmtime_wasi_http::p2::body::HyperOutgoingBody>, Error>) -> Sent {
    let response = response?.map(|body| body.map_err(Error::from).boxed_unsync());
    Ok((response, Box::new(std::future::ready(Ok(())))))
}

fn is_own(url: &Uri) -> bool {
    url.host().is_none_or(|host| host.is_empty() || host == "self.alt")
}

/// Scheme, host and port: paths and queries may hold secrets.
fn origin(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or("?");
    let host = url.host().unwrap_or("?");
    url.port_u16().map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}"))
}
