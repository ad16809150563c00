//! Signs and posts a payload as its sender would.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aftercare::webhook::EVENTS;
use aftercare_tests::signing::Sender;
use anyhow::{Context, Result, bail};

use crate::secrets;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Who seems to send it: `shopify`, ..., or `generic` for the contract of your own platform.
    #[arg(long, value_parser = sender)]
    sender: Sender,
    /// Event of the endpoint: `order-created`, `survey-submitted`, ...
    #[arg(long)]
    event: String,
    /// Topic, where the sender has topics [default: its commonest for this event].
    #[arg(long)]
    topic: Option<String>,
    /// The payload; its bytes are sent as they are.
    file: PathBuf,
    /// Where Aftercare is served.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The sender's secret [default: the one in the environment or in .env].
    #[arg(long, env = "AFTERCARE_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

fn sender(name: &str) -> Result<Sender, String> {
    Sender::named(name).ok_or_else(|| format!("choose one of {}", Sender::ALL.map(Sender::name).join(", ")))
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    reports(args.sender, &args.event)?;
    let body = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let secret = match &args.secret {
        Some(secret) => secret.clone(),
        None => secrets::value(root, &args.sender.variable())?,
    };
    let url = format!("{}/webhooks/{}", args.url.trim_end_matches('/'), args.event);
    let topic = args.topic.as_deref().unwrap_or_else(|| args.sender.topic(&args.event));
    let headers = args
        .sender
        .headers(topic, &secret, &body, SystemTime::now())
        .with_context(|| format!("cannot sign with the first of {}", args.sender.variable()))?;
    let (status, answer) = Client::new().post(&url, &headers, &body)?;
    println!("{status} {answer}");
    if status >= 400 {
        bail!("refused");
    }
    Ok(())
}

/// Refuses an event that there is not, or that this sender does not report.
fn reports(sender: Sender, event: &str) -> Result<()> {
    let reported = |routes: &[aftercare::webhook::Route]| {
        routes.iter().any(|route| route.sender.name == sender.prefix())
    };
    let Some((_, routes)) = EVENTS.into_iter().find(|(name, _)| *name == event) else {
        bail!("there is no event {event}: choose one of {}", EVENTS.map(|(name, _)| name).join(", "));
    };
    if !reported(routes) {
        let events: Vec<_> =
            EVENTS.into_iter().filter(|(_, routes)| reported(routes)).map(|(name, _)| name).collect();
        bail!("{} does not report {event}, but {}", sender.name(), events.join(", "));
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

#[cfg(test)]
mod tests {
    use super::{Sender, reports, sender};

    #[test]
    fn every_sender_is_known_by_name_and_reports_something() {
        for known in Sender::ALL {
            assert_eq!(sender(known.name()), Ok(known));
            let events = aftercare::webhook::EVENTS.map(|(event, _)| event);
            assert!(events.into_iter().any(|event| reports(known, event).is_ok()), "{known:?}");
        }
        let listed = sender("magento").expect_err("nobody we know");
        assert!(listed.contains("woocommerce") && listed.contains("generic"), "{listed}");
    }

    #[test]
    fn what_a_sender_does_not_report_is_told_with_what_it_does() {
        let error = reports(Sender::AfterShip, "order-created").expect_err("a tracker").to_string();
        assert!(error.contains("aftership does not report order-created, but shipment-updated"), "{error}");
        let error = reports(Sender::Shopify, "orders").expect_err("no event").to_string();
        assert!(error.contains("order-created") && error.contains("ticket-updated"), "{error}");
    }
}
