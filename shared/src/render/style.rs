//! Styles for mail programs that drop style sheets: written into the tags of the templates when these are loaded, so
//! that a template stays plain HTML that anybody can edit. Only template sources pass here, never data.

const FONT: &str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

/// Opening tags as templates write them (up to and without `>`, or up to and with the attribute that follows), and how
/// they look.
const RULES: &[(&str, &str)] = &[
    ("<body>", "margin:0;padding:0;background:#f2f4f3"),
    (
        "<div class=\"preview\"",
        "display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;font-size:1px;line-height:1px",
    ),
    ("<table role=\"presentation\" class=\"page\"", "background:#f2f4f3"),
    ("<td class=\"page-cell\"", "padding:32px 12px"),
    (
        "<table role=\"presentation\" class=\"card\"",
        "width:100%;max-width:600px;background:#ffffff;border:1px solid #e2e6e4;border-radius:14px;border-collapse:separate;overflow:hidden;text-align:left",
    ),
    (
        "<td class=\"brand pad\"",
        "padding:20px 36px;background:{{ brand.color }};color:{{ brand.on_color }};font:700 18px/1.3 FONT;letter-spacing:.01em;word-break:break-word",
    ),
    (
        "<td class=\"content pad\"",
        "padding:36px 36px 28px;font:400 16px/1.6 FONT;color:#1d2523;word-break:break-word",
    ),
    (
        "<td class=\"contact line pad\"",
        "padding:24px 36px 28px;border-top:1px solid #e2e6e4;font:400 15px/1.6 FONT;color:#1d2523;word-break:break-word",
    ),
    ("<table role=\"presentation\" width=\"600\" class=\"foot\"", "width:100%;max-width:600px"),
    (
        "<td class=\"foot-cell pad\"",
        "padding:20px 36px 28px;text-align:center;font:400 13px/1.5 FONT;color:#5a6662;word-break:break-word",
    ),
    ("<h1>", "margin:0 0 16px;font:700 26px/1.25 FONT;letter-spacing:-.01em;color:#1d2523"),
    ("<h2>", "margin:28px 0 8px;font:700 17px/1.35 FONT;color:#1d2523"),
    ("<h2 class=\"first\">", "margin:0 0 8px;font:700 17px/1.35 FONT;color:#1d2523"),
    ("<p>", "margin:0 0 16px;color:#1d2523"),
    ("<p class=\"sign-off\">", "margin:28px 0 0;color:#1d2523"),
    ("<p class=\"small\">", "margin:0;font-size:13px;line-height:1.5;color:#5a6662"),
    ("<p class=\"small muted\">", "margin:28px 0 0;font-size:13px;line-height:1.5;color:#5a6662"),
    (
        "<p class=\"note\">",
        "margin:24px 0 0;padding:14px 18px;background:#f2f4f3;border-left:4px solid {{ brand.color }};border-radius:6px;color:#1d2523",
    ),
    ("<ul>", "margin:0;padding:0 0 0 20px"),
    ("<li>", "margin:0 0 6px;color:#1d2523"),
    (
        "<blockquote>",
        "margin:0 0 20px;padding:4px 0 4px 18px;border-left:4px solid {{ brand.color }};font-size:17px;line-height:1.55;color:#1d2523",
    ),
    ("<a href=", "color:{{ brand.ink }};text-decoration:underline"),
    (
        "<a class=\"button\" href=",
        // The border is the padding: Outlook paints borders of links, but no padding.
        "display:inline-block;background:{{ brand.color }};border:solid {{ brand.color }};border-width:12px 24px;border-radius:8px;color:{{ brand.on_color }};font-weight:700;text-align:center;text-decoration:none",
    ),
    (
        "<a class=\"tap\" href=",
        "display:inline-block;min-width:20px;margin:0 2px 8px 0;padding:9px 10px;border:1px solid #8b9691;border-radius:8px;color:{{ brand.ink }};font-weight:700;text-align:center;text-decoration:none",
    ),
    ("<table role=\"presentation\" class=\"items\"", "border-collapse:collapse;font:400 16px/1.45 FONT"),
    (
        "<td class=\"item line\"",
        "padding:10px 0;border-bottom:1px solid #e2e6e4;color:#1d2523;vertical-align:top",
    ),
    ("<td class=\"item line muted\"", "padding:10px 0;border-bottom:1px solid #e2e6e4;color:#5a6662"),
    (
        "<td class=\"amount line\"",
        "padding:10px 0 10px 16px;border-bottom:1px solid #e2e6e4;color:#1d2523;text-align:right;vertical-align:top;white-space:nowrap",
    ),
    ("<td class=\"item total\"", "padding:12px 0 4px;font-weight:700;color:#1d2523"),
    (
        "<td class=\"amount total\"",
        "padding:12px 0 4px 16px;font-weight:700;color:#1d2523;text-align:right;white-space:nowrap",
    ),
    (
        "<td class=\"label line muted\"",
        "padding:10px 16px 10px 0;border-bottom:1px solid #e2e6e4;color:#5a6662;vertical-align:top;white-space:nowrap;width:1%",
    ),
    ("<span class=\"muted\"", "color:#5a6662;font-size:15px"),
    (
        "<span class=\"score\"",
        "color:#b3261e;font-size:40px;line-height:1;font-weight:700;letter-spacing:-.02em",
    ),
];

/// `source` with every known tag styled.
pub(super) fn inline(source: &str) -> String {
    let mut styled = source.to_owned();
    for (tag, style) in RULES {
        let name_end = tag.find([' ', '>']).unwrap_or(tag.len());
        let (name, rest) = tag.split_at(name_end);
        // The blank keeps a styled tag from being found again by a rule for its beginning.
        styled = styled.replace(tag, &format!("{name} style=\"{}\"{rest}", style.replace("FONT", FONT)));
    }
    styled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::catalog;
    use crate::template::is_html;

    #[test]
    fn every_tag_of_the_templates_has_a_style_at_most_once() {
        for (path, source) in catalog::FILES.iter().filter(|(path, _)| is_html(path)) {
            let styled = inline(source);
            for tag in styled.split('<').filter_map(|tag| tag.split_once('>').map(|(tag, _)| tag)) {
                let count = tag.matches("style=").count();
                let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
                let expected =
                    ["h1", "h2", "p", "ul", "li", "td", "a", "blockquote"].contains(&name.as_str());
                assert!(count <= 1 && (!expected || count == 1), "{path}: <{tag}>");
            }
        }
    }

    #[test]
    fn every_rule_is_used() {
        for (tag, _) in RULES {
            assert!(catalog::FILES.iter().any(|(_, source)| source.contains(tag)), "{tag}");
        }
    }
}
