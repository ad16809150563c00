//! Signs and posts a payload as its sender would.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secrets;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Who seems to send it.
    #[arg(long, value_enum)]
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

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sender {
    Shopify,
    /// Standard Webhooks: the generic contract.
    Generic,
}

impl Sender {
    /// The variable that holds its secrets.
    const fn variable(self) -> &'static str {
        match self {
            Self::Shopify => "shopify_secrets",
            Self::Generic => "webhook_secrets",
        }
    }
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let body = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let secret = match &args.secret {
        Some(secret) => secret.clone(),
        None => secrets::value(root, args.sender.variable())?,
    };
    let url = format!("{}/webhooks/{}", args.url.trim_end_matches('/'), args.event);
    let headers = headers(args.sender, &args.topic, &secret, &body, SystemTime::now())?;
    let (status, answer) = Client::new().post(&url, &headers, &body)?;
    println!("{status} {answer}");
    if status >= 400 {
        bail!("refused");
    }
    Ok(())
}

/// The headers that `sender` would send with `body`.
pub(crate) fn headers(
    sender: Sender,
    topic: &str,
    secret: &str,
    body: &[u8],
    now: SystemTime,
) -> Result<Vec<(&'static str, String)>> {
    // A list is for rotation; any one of its secrets signs.
    let secret = secret.split(',').map(str::trim).find(|secret| !secret.is_empty()).context("the secret is empty")?;
    let seconds = now.duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
    let mut headers = vec![("content-type", "application/json".to_owned())];
    match sender {
        Sender::Shopify => headers.extend([
            ("x-shopify-topic", topic.to_owned()),
            ("x-shopify-shop-domain", "demo.myshopify.com".to_owned()),
            ("x-shopify-api-version", "2026-10".to_owned()),
            ("x-shopify-webhook-id", format!("demo-{:x}", crc(body))),
            ("x-shopify-hmac-sha256", STANDARD.encode(hmac(secret.as_bytes(), &[body])?)),
        ]),
        Sender::Generic => {
            let key = secret.strip_prefix("whsec_").unwrap_or(secret);
            let key = STANDARD.decode(key).context("the secret is not `whsec_` and base64")?;
            let id = format!("msg_{:x}", crc(body));
            let signature = hmac(&key, &[id.as_bytes(), b".", seconds.to_string().as_bytes(), b".", body])?;
            headers.extend([
                ("webhook-id", id),
                ("webhook-timestamp", seconds.to_string()),
                ("webhook-signature", format!("v1,{}", STANDARD.encode(signature))),
            ]);
        }
    }
    Ok(headers)
}

fn hmac(key: &[u8], message: &[&[u8]]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).context("the secret cannot be a key")?;
    for part in message {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().to_vec())
}

/// A delivery id that is the same for the same body, as a sender's retries have it.
fn crc(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
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
        let mut answer = request.send(body).with_context(|| {
            format!("no answer from {url}; is it running? `cargo xtask up` starts it")
        })?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }
}
