//! HTML that a merchant wrote: only what mail programs show, and only what closes what it opens.
//!
//! It stands in a frame that has to stay visible: the way to unsubscribe, the postal address. An element left open, a
//! comment or a style sheet could swallow what follows.

const ELEMENTS: [&str; 30] = [
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "div",
    "em",
    "h1",
    "h2",
    "h3",
    "hr",
    "i",
    "li",
    "ol",
    "p",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
];

/// These have no content and no end.
const EMPTY: [&str; 2] = ["br", "hr"];

const ATTRIBUTES: [&str; 18] = [
    "align",
    "border",
    "cellpadding",
    "cellspacing",
    "class",
    "colspan",
    "dir",
    "height",
    "href",
    "lang",
    "role",
    "rowspan",
    "scope",
    "style",
    "title",
    "valign",
    "width",
    "bgcolor",
];

const LINKS: [&str; 4] = ["https:", "http:", "mailto:", "tel:"];

/// What a style must not do: load something, or leave its place.
const STYLES: [&str; 5] = ["url(", "position", "expression", "@", "\\"];

/// Says what is wrong with it, if anything is.
pub(super) fn check(html: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let (is_end, after) = rest.strip_prefix('/').map_or((false, rest), |after| (true, after));
        let length = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (name, after) = after.split_at(length);
        let Some(name) = ELEMENTS.iter().find(|known| known.eq_ignore_ascii_case(name)).copied() else {
            return Err(if name.is_empty() {
                "a `<` that begins no element is written `&lt;`; there are no comments".to_owned()
            } else {
                format!("<{name}> cannot be used; there are {}", ELEMENTS.join(", "))
            });
        };
        rest = if is_end {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing, or closes something else first"));
            }
            after
                .trim_start()
                .strip_prefix('>')
                .ok_or_else(|| format!("</{name}> is not written to its end"))?
        } else {
            if !EMPTY.contains(&name) {
                open.push(name);
            }
            attributes(name, after)?
        };
    }
    open.last().map_or(Ok(()), |name| Err(format!("<{name}> is never closed")))
}

/// Checks what stands after an element's name, and returns what stands after the element.
fn attributes<'a>(element: &str, mut rest: &'a str) -> Result<&'a str, String> {
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
            return Ok(after);
        }
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        let name = name.to_ascii_lowercase();
        if !ATTRIBUTES.contains(&name.as_str()) {
            return Err(format!(
                "`{name}` of <{element}> cannot be used; there are {}",
                ATTRIBUTES.join(", ")
            ));
        }
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        let quoted = value.and_then(|value| {
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            value[1..].split_once(quote)
        });
        let Some((value, after)) = quoted else {
            return Err(format!("the value of `{name}` of <{element}> stands in quotes"));
        };
        let lower = value.trim().to_ascii_lowercase();
        if name == "href" && !LINKS.iter().any(|scheme| lower.starts_with(scheme)) {
            return Err("a link begins with https:, http:, mailto: or tel:".to_owned());
        }
        if name == "style" && STYLES.iter().any(|banned| lower.contains(banned)) {
            return Err(format!("the style of <{element}> loads something, or leaves its place"));
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn good(html: &str) {
        assert_eq!(check(html), Ok(()));
    }

    #[track_caller]
    fn bad(html: &str, why: &str) {
        let told = check(html).expect_err(html);
        assert!(told.contains(why), "{html}: {told}");
    }

    #[test]
    fn plain_mail_is_taken() {
        good("Hello &amp; welcome > all");
        good("<h1>Hello</h1><p class=\"note\">A<br>B<br/>C</p><ul><li>1</li><li>2</li></ul>");
        good("<P STYLE='color: #333'>x</P><hr>");
        good("<a class=\"button\" href=\"https:&#x2f;&#x2f;shop.example\">Go</a>");
        good("<table role=\"presentation\" width=\"100%\"><tr><td>x</td></tr></table>");
    }

    #[test]
    fn what_could_swallow_the_frame_or_run_is_refused() {
        bad("<div>", "never closed");
        bad("</td></tr></table>", "closes nothing");
        bad("<b><i></b></i>", "closes something else");
        bad("<!-- ", "no comments");
        bad("a < b", "&lt;");
        bad("<script>x</script>", "cannot be used");
        bad("<style>.foot { display: none }</style>", "cannot be used");
        bad("<img src=\"https://tracker.example/1.gif\">", "cannot be used");
        bad("<p onclick=\"x\">x</p>", "`onclick`");
        bad("<p class=note>x</p>", "quotes");
        bad("<p class=\"note>x</p>", "quotes");
        bad("<a href=\"javascript:x\">x</a>", "a link begins");
        bad("<a href=\"java&#115;cript:x\">x</a>", "a link begins");
        bad("<p style=\"background: URL(https://x.example)\">x</p>", "loads something");
        bad("<p style=\"position: fixed\">x</p>", "leaves its place");
        bad("<p", "`` of <p>");
    }

    proptest! {
        #[test]
        fn anything_gets_an_answer(html in "([a-z ]|<|>|/|=|\"|'|<p|</p|<br|href|é|&){0,40}") {
            let _ = check(&html);
        }
    }
}
