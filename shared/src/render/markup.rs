//! A message as one file: what it says is written once, and is both the text and the HTML part.
//!
//! ```text
//! Subject: Your parcel is on its way{% if number %} ({{ number }}){% endif %}
//! Preview: Track it any time.
//! Sms: {{ brand.name }}: Your parcel is on its way.
//!
//! # On its way
//!
//! A paragraph. `## ` begins a heading, `> ` a note, `- ` an entry of a list.
//!
//! [Track your parcel]({{ tracking_url }})
//! ```
//!
//! Blank lines divide blocks. A line that holds nothing but `{% ... %}` says for which values its surroundings are meant.
//! A link alone on its line is a button in HTML. `Sms` is all that is said in a text message; a message without it is
//! never sent as one. `Frame: team` in the head is for alerts to the team.

use super::catalog;

/// The template at `<message>/<locale>/<part>`, made from `<message>/<locale>.md`.
pub(super) fn part(path: &str) -> Option<String> {
    let (message, name) = path.rsplit_once('/')?;
    let source = catalog::source(&[message, ".md"].concat())?;
    let (head, body) = source.split_once("\n\n")?;
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    // Alerts for the team stand in a frame of their own.
    let frame = field("Frame").map_or("layout", str::trim);
    Some(match name {
        "subject.txt" => field("Subject")?.trim().to_owned(),
        "sms.txt" => field("Sms")?.trim().to_owned(),
        "body.txt" => framed(frame, "txt", None, body.split("\n\n").map(text_block)),
        "body.html" => framed(frame, "html", field("Preview"), body.split("\n\n").map(html_block)),
        _ => return None,
    })
}

/// The text part of what stands in the frame.
pub(super) fn text(body: &str) -> String {
    body.split("\n\n").map(|block| text_block(block) + "\n").collect()
}

/// Its HTML part.
pub(super) fn html(body: &str) -> String {
    body.split("\n\n").map(|block| html_block(block) + "\n").collect()
}

fn framed(frame: &str, kind: &str, preview: Option<&str>, blocks: impl Iterator<Item = String>) -> String {
    let mut whole = ["{% extends \"", frame, ".", kind, "\" %}\n"].concat();
    if let Some(preview) = preview {
        whole.extend(["{% block preview %}", preview.trim(), "{% endblock %}\n"]);
    }
    whole.push_str("{% block content %}\n");
    for block in blocks {
        whole.extend([block.as_str(), "\n"]);
    }
    whole + "{% endblock %}\n"
}

/// A line that says for which values its surroundings are meant, and nothing itself.
fn is_tag(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("{%") && line.ends_with("%}") && line.matches("{%").count() == 1
}

/// `[label](link)`, alone on its line.
fn button(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('[')?.strip_suffix(')')?.split_once("](")
}

/// A tag at the end of a line that says something would take the line's end with it.
fn kept_end(line: &str) -> String {
    match line.strip_suffix("%}") {
        Some(rest) if !is_tag(line) && !rest.ends_with('+') => [rest, "+%}"].concat(),
        _ => line.to_owned(),
    }
}

fn included(line: &str, kind: &str) -> Option<String> {
    let name = line.trim().strip_prefix("{% include \"")?.strip_suffix("\" %}")?;
    Some(["{% include \"", name, ".", kind, "\" %}"].concat())
}

fn text_block(block: &str) -> String {
    let mut lines: Vec<String> = block
        .lines()
        .map(|line| {
            if let Some(include) = included(line, "txt") {
                return include;
            }
            let line = ["# ", "## ", "> "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
            button(line)
                .map_or_else(|| kept_end(line), |(label, link)| kept_end(&[label, ": ", link].concat()))
        })
        .collect();
    lines.push(String::new());
    lines.join("\n")
}

fn html_block(block: &str) -> String {
    if let Some(include) = included(block, "html") {
        return include;
    }
    let says = |line: &&str| !is_tag(line);
    let Some(first) = block.lines().find(says) else { return block.to_owned() };
    let (mark, open, close, each) = match first.split_once(' ').map_or("", |(mark, _)| mark) {
        "#" => ("# ", "<h1>", "</h1>", false),
        "##" => ("## ", "<h2>", "</h2>", false),
        ">" => ("> ", "<p class=\"note\">", "</p>", false),
        "-" => ("- ", "<ul>", "</ul>", true),
        _ => ("", "<p>", "</p>", false),
    };
    let lines: Vec<&str> = block.lines().collect();
    // Tags around the block stay around it: an element whose content is left out must go with it. Where there is a
    // choice within it, it is one element for all of them.
    let begin = lines.iter().position(|line| !is_tag(line)).unwrap_or(0);
    let end = lines.iter().rposition(|line| !is_tag(line)).map_or(lines.len(), |last| last + 1);
    let whole = each || lines[begin..end].iter().any(|line| is_tag(line));
    let (begin, end) = if whole { (0, lines.len()) } else { (begin, end) };
    let inner: Vec<String> = lines[begin..end]
        .iter()
        .map(|line| {
            let line = line.strip_prefix(mark).unwrap_or(line);
            match button(line) {
                Some((label, link)) => ["<a class=\"button\" href=\"", link, "\">", label, "</a>"].concat(),
                None if each && !is_tag(line) => ["<li>", line, "</li>"].concat(),
                None => (*line).to_owned(),
            }
        })
        .collect();
    let mut all: Vec<String> = lines[..begin].iter().map(|line| (*line).to_owned()).collect();
    all.push(open.to_owned());
    all.extend(inner);
    all.push(close.to_owned());
    all.extend(lines[end..].iter().map(|line| (*line).to_owned()));
    all.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(block: &str, text: &str, html: &str) {
        assert_eq!(text_block(block).trim_end(), text);
        assert_eq!(html_block(block).replace('\n', ""), html);
    }

    #[test]
    fn a_block_is_text_and_html() {
        check("Hello {{ name }}.", "Hello {{ name }}.", "<p>Hello {{ name }}.</p>");
        check("# Title", "Title", "<h1>Title</h1>");
        check("## Title", "Title", "<h2>Title</h2>");
        check("> Mind this", "Mind this", "<p class=\"note\">Mind this</p>");
        check(
            "[Go]({{ go_url }})",
            "Go: {{ go_url }}",
            "<p><a class=\"button\" href=\"{{ go_url }}\">Go</a></p>",
        );
        check("- a\n- b", "- a\n- b", "<ul><li>a</li><li>b</li></ul>");
        check("{% include \"items\" %}", "{% include \"items.txt\" %}", "{% include \"items.html\" %}");
    }

    #[test]
    fn what_is_left_out_leaves_no_empty_element() {
        check("{% if a %}\nA\n{% endif %}", "{% if a %}\nA\n{% endif %}", "{% if a %}<p>A</p>{% endif %}");
        check(
            "{% if a %}\nA\n{% else %}\nB\n{% endif %}",
            "{% if a %}\nA\n{% else %}\nB\n{% endif %}",
            "<p>{% if a %}A{% else %}B{% endif %}</p>",
        );
        check("A{% if b %} b{% endif %}", "A{% if b %} b{% endif +%}", "<p>A{% if b %} b{% endif %}</p>");
        check(
            "{% for x in xs %}\n- {{ x }}\n{% endfor %}",
            "{% for x in xs %}\n- {{ x }}\n{% endfor %}",
            "<ul>{% for x in xs %}<li>{{ x }}</li>{% endfor %}</ul>",
        );
    }
}
