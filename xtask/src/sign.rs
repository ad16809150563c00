//! Signs and posts a payload as its sender would.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aftercare_tests::signing::Sender;
use anyhow::{Context, Result, bail};

use crate::secrets;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Who seems to send it.
    #[arg(long, value_parser = sender)]
    sender: Sender,
    /// Event of the endpoint: `order-created`, `survey-submitted`, ...
    #[arg(long)]
    event: String,
    /// Topic, where the sender has one: `orders/create`.
    #[arg(long, default_value = "orders/create")]
    topic: String,
    /// The payload; its bytes are sent as they are.
    file: PathBuf,
    /// Where Aftercare is served.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The sender's secret [default: the one in .env].
    #[arg(long, env = "AFTERCARE_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

fn sender(name: &str) -> Result<Sender, String> {
    let names = || Sender::ALL.map(Sender::name).join(", ");
    Sender::ALL
        .into_iter()
        .find(|sender| sender.name() == name)
        .ok_or_else(|| format!("choose one of {}", names()))
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let body = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let secret = match &args.secret {
        Some(secret) => secret.clone(),
        None => secrets::value(root, args.sender.variable())?,
    };
    let url = format!("{}/webhooks/{}", args.url.trim_end_matches('/'), args.event);
    let headers = args.sender.headers(&args.topic, &secret, &body, SystemTime::now())?;
    let (status, answer) = Client::new().post(&url, &headers, &body)?;
    println!("{status} {answer}");
    if status >= 400 {
        bail!("refused");
    }
    Ok(())
}

/// A plain HTTP client that shows every answer, errors included.
pub(crate) struct Client(ureq::Agent);

impl Client {
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .max_redirects(0);
        Self(config.build().into())
    }

    /// Status and text of the answer.
    pub(crate) fn post(&self, url: &str, headers: &[(&str, String)], body: &[u8]) -> Result<(u16, String)> {
        let mut request = self.0.post(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut answer = request
            .send(body)
            .with_context(|| format!("no answer from {url}; is it running? `cargo xtask up` starts it"))?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }
}
