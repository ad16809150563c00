//! An application that is being served: finds the component for a request and executes it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, HeaderName};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme as WasiScheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use crate::allowed_hosts::AllowedHosts;
use crate::clock::Clock;
use crate::counters::{Counters, count};
use crate::guest::Guest;
use crate::log::Log;
use crate::profile::{Limits, Rate};
use crate::routes::{Matched, Router, without_wildcard};
use crate::store::{Faults, Stores};

/// Paths that the host answers itself, as Spin does.
const WELL_KNOWN: &str = "/.well-known/spin/";
/// The client's address that a component sees when another component calls it.
const CHAINED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A component with all that it may use.
pub(crate) struct Component {
    pub(crate) id: String,
    pub(crate) proxy: ProxyPre<Guest>,
    pub(crate) imports: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) files: Option<tempfile::TempDir>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) stores: BTreeSet<String>,
    pub(crate) allowed_hosts: AllowedHosts,
}

/// An application that is being served.
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) address: SocketAddr,
    pub(crate) router: Router,
    pub(crate) components: BTreeMap<String, Arc<Component>>,
    pub(crate) stores: Stores,
    pub(crate) clock: Clock,
    pub(crate) counters: Arc<Counters>,
    pub(crate) log: Log,
    pub(crate) quiet: bool,
    pub(crate) max_memory_bytes: Option<usize>,
    pub(crate) limits: Limits,
    /// How many requests may leave the host, if that is limited.
    pub(crate) outgoing: Option<Rate>,
    pub(crate) faults: Option<Faults>,
    /// How many executions are under way.
    pub(crate) executions: watch::Sender<usize>,
    /// Room for requests from outside.
    pub(crate) admission: Arc<Semaphore>,
}

impl App {
    /// Answers a request from outside, as soon as there is room for it.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        client: SocketAddr,
    ) -> Response<HyperOutgoingBody> {
        // Nobody closes it, and if somebody did there would be no bound to keep.
        let admitted = self.admission.clone().acquire_owned().await.ok();
        self.route(request, client, admitted).await
    }

    /// Answers a request that the application sent to itself. It must not wait for room: its sender has some.
    pub(crate) async fn answer_self(
        self: &Arc<Self>,
        request: Request<WasiBody>,
    ) -> Response<HyperOutgoingBody> {
        self.route(request, self.address, None).await
    }

    async fn route(
        self: &Arc<Self>,
        mut request: Request<WasiBody>,
        client: SocketAddr,
        admitted: Option<OwnedSemaphorePermit>,
    ) -> Response<HyperOutgoingBody> {
        // Only components reach others under their internal names.
        if let Some(host) = request.headers().get(HOST)
            && host.to_str().is_ok_and(is_internal)
        {
            request.headers_mut().remove(HOST);
        }
        let path = request.uri().path();
        if let Some(well_known) = path.strip_prefix(WELL_KNOWN) {
            return self.well_known(well_known);
        }
        match self.router.find(path) {
            Some(matched) => self.execute(matched, request, client, admitted).await,
            None => status(StatusCode::NOT_FOUND),
        }
    }

    /// Answers a component's request to another.
    pub(crate) async fn chain(
        self: &Arc<Self>,
        component: &str,
        request: Request<WasiBody>,
    ) -> Result<Response<HyperOutgoingBody>, Error> {
        if !self.components.contains_key(component) {
            return Err(Error::InternalError(Some(format!("there is no component {component:?} to call"))));
        }
        let matched = Matched::chained(component, request.uri().path());
        Ok(self.execute(matched, request, CHAINED, None).await)
    }

    fn well_known(&self, path: &str) -> Response<HyperOutgoingBody> {
        match path {
            "health" => Response::new(full("OK")),
            "info" => {
                let info = serde_json::json!({ "name": self.name, "version": self.version });
                let mut response = Response::new(full(info.to_string()));
                response
                    .headers_mut()
                    .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    async fn execute(
        self: &Arc<Self>,
        matched: Matched,
        mut request: Request<WasiBody>,
        client: SocketAddr,
        admitted: Option<OwnedSemaphorePermit>,
    ) -> Response<HyperOutgoingBody> {
        let number = count(&self.counters.requests);
        let Some(component) = self.components.get(&matched.component) else {
            return status(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let prepared = absolute(&request).and_then(|uri| {
            *request.uri_mut() = uri;
            add_headers(&mut request, &matched, client)
        });
        if let Err(what) = prepared {
            self.log.line(&component.id, &format!("a request could not be passed on: {what}"));
            return status(StatusCode::INTERNAL_SERVER_ERROR);
        }

        // The execution goes on after the answer has begun, and when whoever asked is gone.
        let execution = Execution::new(self, component.clone(), number, admitted);
        let (sender, receiver) = oneshot::channel();
        let guest = tokio::spawn(async move {
            let result = execution.run_in_time(request, sender).await;
            if let Err(error) = &result {
                execution.report(error);
            }
            result.is_ok()
        });
        let failure = match receiver.await {
            Ok(Ok(response)) => return response,
            Ok(Err(code)) => Some(format!("answered with the error {code:?}")),
            // A trap was logged already.
            Err(_) => guest.await.unwrap_or(false).then(|| "ended without an answer".to_owned()),
        };
        if let Some(what) = failure {
            self.log.line(&component.id, &format!("an execution {what}"));
        }
        status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// One execution of a component, counted until it ends.
struct Execution {
    app: Arc<App>,
    component: Arc<Component>,
    /// Tells executions apart in the log.
    number: u64,
    /// Room that it takes until it ends.
    _admitted: Option<OwnedSemaphorePermit>,
}

type ResponseSender = oneshot::Sender<
    Result<Response<HyperOutgoingBody>, wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>,
>;

impl Execution {
    fn new(
        app: &Arc<App>,
        component: Arc<Component>,
        number: u64,
        admitted: Option<OwnedSemaphorePermit>,
    ) -> Self {
        app.executions.send_modify(|count| *count += 1);
        Self { app: app.clone(), component, number, _admitted: admitted }
    }

    /// Executes the component, but no longer than the platform lets it.
    async fn run_in_time(&self, request: Request<WasiBody>, sender: ResponseSender) -> wasmtime::Result<()> {
        let Some(max) = self.app.limits.max_time else {
            return self.run(request, sender).await;
        };
        tokio::select! {
            result = self.run(request, sender) => result,
            () = self.app.clock.elapse(max) => {
                Err(wasmtime::Error::msg(format!("it took longer than {} s", max.as_secs())))
            }
        }
    }

    async fn run(&self, request: Request<WasiBody>, sender: ResponseSender) -> wasmtime::Result<()> {
        let proxy = &self.component.proxy;
        let guest = Guest::new(&self.app, &self.component)?;
        let mut store = wasmtime::Store::new(proxy.engine(), guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let request = store.data_mut().http().new_incoming_request(WasiScheme::Http, request)?;
        let response = store.data_mut().http().new_response_outparam(sender)?;
        let instance = proxy.instantiate_async(&mut store).await?;
        instance.wasi_http_incoming_handler().call_handle(&mut store, request, response).await
    }

    /// Logs why an execution ended badly, once. The reason is wasmtime's, so it holds no one's data.
    fn report(&self, error: &wasmtime::Error) {
        count(&self.app.counters.traps);
        let reason = error.root_cause();
        self.app.log.line(&self.component.id, &format!("request {} failed: {reason}", self.number));
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        self.app.executions.send_modify(|count| *count -= 1);
    }
}

fn is_internal(host: &str) -> bool {
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host.split_once('.').is_some_and(|(_, domain)| domain == "spin.internal")
}

/// The request's URL with scheme and authority, the latter from the `Host` header.
fn absolute(request: &Request<WasiBody>) -> Result<Uri, String> {
    let header = match request.headers().get(HOST) {
        None => None,
        Some(host) => {
            let host = host.to_str().map_err(|_| "the Host header is not text")?;
            Some(host.parse::<Authority>().map_err(|_| "the Host header is not a host")?)
        }
    };
    let authority = match (header, request.uri().authority()) {
        (None, None) => return Err("there is no Host header".into()),
        (Some(header), Some(authority)) if header != *authority => {
            return Err("the Host header and the URL name different hosts".into());
        }
        (Some(authority), _) => authority,
        (None, Some(authority)) => authority.clone(),
    };
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|error| error.to_string())
}

/// Tells the component how the request came to it, as Spin does.
fn add_headers(request: &mut Request<WasiBody>, matched: &Matched, client: SocketAddr) -> Result<(), String> {
    if request.headers().values().any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
        return Err("a header is not UTF-8".into());
    }
    let host = request
        .headers()
        .get(HOST)
        .map_or(Ok("localhost"), |host| host.to_str().map_err(|e| e.to_string()))?;
    let url = request.uri();
    let full_url = format!(
        "{}://{host}{}",
        url.scheme_str().unwrap_or("http"),
        url.path_and_query().map_or("/", PathAndQuery::as_str)
    );
    let client = client.to_string();
    let headers = request.headers_mut();
    append(headers, "spin-path-info", &matched.path_info)?;
    append(headers, "spin-full-url", &full_url)?;
    append(headers, "spin-matched-route", &matched.based)?;
    append(headers, "spin-base-path", "/")?;
    append(headers, "spin-raw-component-route", &matched.raw)?;
    append(headers, "spin-component-route", without_wildcard(&matched.raw))?;
    append(headers, "spin-client-addr", &client)?;
    for (name, value) in &matched.parameters {
        append(headers, &format!("spin-path-match-{}", name.replace('_', "-").to_ascii_lowercase()), value)?;
    }
    Ok(())
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let name: HeaderName = name.parse().map_err(|_| format!("{name:?} cannot be a header's name"))?;
    // Bytes, because a path may hold more than ASCII.
    let value =
        HeaderValue::from_bytes(value.as_bytes()).map_err(|_| format!("{name} cannot have its value"))?;
    headers.append(name, value);
    Ok(())
}

pub(crate) fn status(status: StatusCode) -> Response<HyperOutgoingBody> {
    let mut response = Response::new(full(""));
    *response.status_mut() = status;
    response
}

fn full(text: impl Into<Bytes>) -> HyperOutgoingBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}
