//! Pages for merchants and developers: server-rendered, no script, nothing from elsewhere.
//!
//! Templates and the one stylesheet live in `pages/`. The policies below let a browser run nothing and load nothing, so
//! what a customer wrote can at worst look odd.

mod chart;
mod dashboard;
mod desk;
mod outbox;
mod preview;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use chrono::{Datelike, NaiveDate, Timelike};
use minijinja::{Environment, Value};

pub use dashboard::{Dashboard, dashboard};
pub use desk::{customer, customer_search, message_list};
pub use outbox::{outbox_list, outbox_message};
pub use preview::{Preview, Row, preview, rows, wording};

use crate::template;
use crate::time::Time;
use crate::zone::Zone;

/// The stylesheet that stands in every page.
const STYLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/pages/style.css"));

/// `Content-Security-Policy` of [`outbox_list`] and [`dashboard`]: our stylesheet by its hash, forms to ourselves, and
/// nothing else. A test compares the hash.
pub const SECURITY_POLICY: &str = "default-src 'none'; style-src 'sha256-O7cmpeY4JA5uO92E/8II7lAskQ3Ig1Uobt3Bge0SSvM='; \
     img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `Content-Security-Policy` of [`outbox_message`]. A mail's own styles stand in the mail, where no hash can know them,
/// and a sandboxed frame inherits the policy of its page; so styles are open here, and scripts, images from elsewhere,
/// forms and frames of others stay shut.
pub const MESSAGE_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// `Content-Security-Policy` of [`preview()`]: as that of a message, beside a form of ours. The frame is in a sandbox
/// without forms.
pub const PREVIEW_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Names pages below `pages/` and embeds them.
macro_rules! pages {
    ($($name:literal)+) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/pages/", $name)))),+]
    };
}

const PAGES: &[(&str, &str)] = pages! {
    "base.html" "customer.html" "customers.html" "dashboard.html" "message.html" "messages.html" "nav.html" "outbox.html" "preview.html" "wording.html"
};

/// Renders a page. Templates are part of the program and tests render each of them, so there is no error for callers
/// to handle; should one slip through, the page says so.
fn page(name: &str, values: Value) -> String {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| {
        let mut environment = template::environment(|path| {
            PAGES.iter().find(|(name, _)| *name == path).map(|(_, source)| (*source).to_owned())
        });
        environment.add_global("style", STYLE);
        environment
    });
    let rendered = environment.get_template(name).and_then(|template| template.render(values));
    rendered.unwrap_or_else(|error| {
        format!("<!doctype html>\n<title>Error</title>\n<p>The page {name} is broken: {error}.")
    })
}

/// `21 November 2026` on the calendar there.
fn local_day(time: Time, zone: &Zone) -> String {
    let date = zone.date(time);
    format!("{} {} {}", date.day(), month_name(date), date.year())
}

/// `19:05` on the clock there.
fn local_clock(time: Time, zone: &Zone) -> String {
    let local = zone.local(time);
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// `21 Nov 2026, 19:05` there.
fn local_when(time: Time, zone: &Zone) -> String {
    let date = zone.date(time);
    let month = &month_name(date)[..3];
    format!("{} {month} {}, {}", date.day(), date.year(), local_clock(time, zone))
}

/// The month's name, in English as the pages are.
fn month_name(date: NaiveDate) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    NAMES[date.month0() as usize]
}
