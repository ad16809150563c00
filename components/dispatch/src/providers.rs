//! The providers that are configured, from the component's variables.

use adapter::{list, variable};
use aftercare::channel::{Providers, postmark, resend, sendgrid, slack, twilio, webhook};

/// Where mail goes until there is a provider for it.
const OUTBOX: &str = "http://outbox.spin.internal";

/// A provider is configured as soon as its secret is set.
pub(crate) fn configured() -> Providers {
    let postmark = secret("postmark_server_token").map(|server_token| postmark::Config {
        url: url("postmark_url"),
        server_token,
        stream: variable("postmark_stream"),
        broadcast_stream: variable("postmark_broadcast_stream"),
    });
    let sendgrid =
        secret("sendgrid_api_key").map(|api_key| sendgrid::Config { url: url("sendgrid_url"), api_key });
    let resend = secret("resend_api_key").map(|api_key| resend::Config { url: url("resend_url"), api_key });
    let outbox = || resend::Config { url: OUTBOX.to_owned(), api_key: String::new() };
    let has_mail = resend.is_some() || postmark.is_some() || sendgrid.is_some();
    Providers {
        resend: resend.or_else(|| (!has_mail).then(outbox)),
        postmark,
        sendgrid,
        twilio: secret("twilio_auth_token").map(|auth_token| twilio::Config {
            url: url("twilio_url"),
            account_sid: variable("twilio_account_sid"),
            auth_token,
            from: variable("twilio_from"),
            whatsapp_from: variable("twilio_whatsapp_from"),
            whatsapp_template: variable("twilio_whatsapp_template"),
            callback_url: callback_url("twilio"),
        }),
        slack: secret("slack_webhook_url").map(|webhook_url| slack::Config { webhook_url }),
        webhook: secret("webhook_url")
            .map(|url| webhook::Config { url, signing_secrets: list("webhook_signing_secrets") }),
    }
}

fn secret(name: &str) -> Option<String> {
    Some(variable(name)).filter(|secret| !secret.is_empty())
}

/// Without a trailing slash.
fn url(name: &str) -> String {
    variable(name).trim_end_matches('/').to_owned()
}

/// Where a provider reports to, which it is told with every message; empty where nobody outside could reach us.
fn callback_url(provider: &str) -> String {
    let public = url("public_url");
    if public.is_empty() { public } else { [&public, "/webhooks/callbacks/", provider].concat() }
}
