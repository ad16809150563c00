//! Scores as plain text: CSV for spreadsheets, OpenMetrics for Prometheus.

use std::fmt::Write;

use super::{Entry, Metrics};
use crate::score::Point;

/// RFC 4180: a line for each metric and window, previous window or part of a trend.
pub fn csv(entries: &[Entry<'_>]) -> String {
    let mut text = "metric,part,from,to,value,n,low,high\r\n".to_owned();
    for entry in entries {
        let window = Point::new(entry.from, entry.to, entry.estimate);
        row(&mut text, entry.name, "window", &window);
        if let Some(previous) = entry.previous {
            row(&mut text, entry.name, "previous", previous);
        }
        for period in entry.periods {
            row(&mut text, entry.name, "period", period);
        }
    }
    text
}

fn row(text: &mut String, name: &str, part: &str, row: &Point) {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let [low, high] = [0, 1].map(|bound| number(row.interval.map(|interval| interval[bound])));
    // Names, dates and numbers: nothing that would have to be quoted.
    let cells = [
        name,
        part,
        &row.from.to_string(),
        &row.to.to_string(),
        &number(row.value),
        &row.n.to_string(),
        &low,
        &high,
    ];
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// OpenMetrics 1.0: a gauge for each metric, its interval and what it rests on; and messages by playbook and state.
///
/// <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>
pub fn open_metrics(metrics: &Metrics) -> String {
    let mut text = String::new();
    for Entry { name, estimate, .. } in metrics.entries() {
        let about = [estimate.about.formula, " (", estimate.about.scale, ")"].concat();
        let bound = |index: usize| estimate.interval.map(|interval| interval[index]);
        #[expect(clippy::cast_precision_loss, reason = "counts of answers")]
        let n = estimate.n as f64;
        gauge(&mut text, &[name], &about, &[(String::new(), estimate.value)]);
        gauge(&mut text, &[name, "_low"], "Lower bound of the 95 % interval.", &[(String::new(), bound(0))]);
        gauge(&mut text, &[name, "_high"], "Upper bound of the 95 % interval.", &[(String::new(), bound(1))]);
        gauge(&mut text, &[name, "_n"], estimate.about.denominator, &[(String::new(), Some(n))]);
    }
    let mut samples = Vec::new();
    for (playbook, states) in &metrics.messages.score.playbooks {
        for (state, count) in states {
            #[expect(clippy::cast_precision_loss, reason = "counts of messages")]
            let count = *count as f64;
            let labels = format!("{{playbook=\"{}\",state=\"{}\"}}", escaped(playbook), escaped(state));
            samples.push((labels, Some(count)));
        }
    }
    gauge(&mut text, &["messages_by_state"], "Messages by playbook and the state they are in.", &samples);
    text.push_str("# EOF\n");
    text
}

fn gauge(text: &mut String, name: &[&str], help: &str, samples: &[(String, Option<f64>)]) {
    if samples.iter().all(|(_, value)| value.is_none()) {
        return;
    }
    let name = ["aftercare_", &name.concat()].concat();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# TYPE {name} gauge\n# HELP {name} {}", escaped(help));
    for (labels, value) in samples {
        if let Some(value) = value {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
