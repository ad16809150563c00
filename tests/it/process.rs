//! The application in a process of its own, to be killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aftercare_tests::provider::Provider;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::shop::{default_variables, manifest};

/// A host that ends with SIGKILL when it is dropped: nothing is flushed, nothing is finished.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// `place` is a state directory or a `runtime-config.toml`.
    pub(crate) fn start(place: &Path, provider: &Provider) -> Self {
        let mut variables = default_variables();
        // A dead holder's lease must run out while a test can wait for it.
        variables.push(("lease_seconds".into(), "1".into()));
        variables.push(("resend_api_key".into(), "re_test".into()));
        variables.push(("resend_url".into(), format!("http://{}", provider.address)));
        let mut child = Command::new(env!("CARGO_BIN_EXE_serve"))
            .arg(manifest())
            .arg(place)
            .args(variables.iter().map(|(name, value)| format!("{name}={value}")))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the host starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its address");
        Self { child, address: line.trim().parse().expect("its address") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request over a connection of its own; `None` when the host died over it.
pub(crate) async fn call(address: SocketAddr, request: Request<Full<Bytes>>) -> Option<(u16, Bytes)> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.into_body().collect().await.ok()?.to_bytes()))
}

pub(crate) fn request(method: Method, path: &str, token: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header("host", "shop");
    let request = request.header("authorization", format!("Bearer {token}"));
    request.body(Full::default()).expect("a request")
}
