//! Serves an application over HTTP/1.1.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::app::App;

/// Accepts connections until told to stop, then finishes the requests that have begun.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let also_stop = stop.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    connections.spawn(serve_connection(app.clone(), stream, client, also_stop.clone()));
                }
                Err(error) => {
                    // Most likely too many open files. Let some close.
                    app.log.line("host", &format!("cannot accept a connection: {error}"));
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = told_to(&mut stop) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits until told to stop, or until nobody is left who could tell.
async fn told_to(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn serve_connection(
    app: Arc<App>,
    stream: TcpStream,
    client: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    // An answer that goes out in two writes must not wait for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        app.log.line("host", &format!("cannot set TCP_NODELAY: {error}"));
    }
    let service = service_fn(|request| answer(app.clone(), request, client));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    // A connection that breaks is the client's matter, who learns of it.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = told_to(&mut stop) => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

async fn answer(
    app: Arc<App>,
    request: Request<Incoming>,
    client: SocketAddr,
) -> Result<Response<HyperOutgoingBody>, Infallible> {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    Ok(app.answer(request, client).await)
}
