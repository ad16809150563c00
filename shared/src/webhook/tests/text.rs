use super::super::rating::{hundredths, scale};
use super::super::text::{HTML, WORDPRESS, comment, country, line, locale, plain, region, url};

#[test]
fn lines_are_one_line_without_tricks() {
    assert_eq!(line("  Ann\r\nBerg\t"), Some("Ann Berg".to_owned()));
    assert_eq!(line("A\u{0}n\u{1b}[31mn\u{7f}"), Some("An[31mn".to_owned()));
    assert_eq!(line("Ann\u{202e}moc.elpmaxe"), Some("Annmoc.elpmaxe".to_owned()));
    assert_eq!(line(" \n\t "), None);
    assert_eq!(line(&"ä".repeat(400)).unwrap().chars().count(), 300);
}

#[test]
fn comments_keep_their_lines_and_end_somewhere() {
    assert_eq!(comment("\n\nGood.\r\n\r\nBut late.\n"), Some("Good.\n\nBut late.".to_owned()));
    let long = comment(&"🦊".repeat(6_000)).unwrap();
    assert_eq!(long.chars().count(), 5_000);
    assert_eq!(comment("<script>alert(1)</script>"), Some("<script>alert(1)</script>".to_owned()));
}

#[test]
fn only_web_addresses_are_addresses() {
    assert_eq!(url(" https://track.example/1?a=b#c "), Some("https://track.example/1?a=b#c".to_owned()));
    for wrong in
        ["javascript:alert(1)", "https://", "ftp://a", "//a", "https://a b", "https://a\"onload=", "x"]
    {
        assert_eq!(url(wrong), None, "{wrong}");
    }
    assert_eq!(url(&format!("https://{}", "a".repeat(2_000))), None);
}

#[test]
fn codes() {
    assert_eq!(locale("pt_BR"), Some("pt-BR".to_owned()));
    assert_eq!(locale("de"), Some("de".to_owned()));
    assert_eq!(locale("zh-Hant-TW"), Some("zh-Hant-TW".to_owned()));
    for wrong in ["example string", "e", "english", "en-", "en-€", "../de"] {
        assert_eq!(locale(wrong), None, "{wrong}");
    }
    assert_eq!(country("ch"), Some("CH".to_owned()));
    assert_eq!(country("Switzerland"), None);
    assert_eq!(region("ca"), Some("CA".to_owned()));
    assert_eq!(region("example string"), None);
}

#[test]
fn entities_are_decoded_once_and_no_others() {
    assert_eq!(WORDPRESS.decode("a&amp;b&lt;&#039;&#x22;&ndash;&#65;"), "a&b<'\"&ndash;&#65;");
    assert_eq!(WORDPRESS.decode("&amp;lt;"), "&lt;");
    assert_eq!(WORDPRESS.decode("a&b & c&"), "a&b & c&");
    assert_eq!(HTML.decode("Caf&#233; &ndash; &pound;5 &unknown; &#xD800;"), "Café – £5 &unknown; &#xD800;");
    assert_eq!(HTML.decode("&ä;&äööööööööö;"), "&ä;&äööööööööö;");
}

#[test]
fn html_becomes_text() {
    assert_eq!(
        plain("<p>What a <b>cap</b> &amp; box!</p>\n<p>2 < 3<br/>yes</p>"),
        "What a cap & box!\n\n2 < 3\nyes\n"
    );
    assert_eq!(plain("a <unfinished tag"), "a <unfinished tag");
    assert_eq!(plain("&lt;script&gt;"), "<script>");
}

#[test]
fn hostile_text_takes_no_longer_than_other_text() {
    // Quadratic searches would take minutes.
    assert_eq!(plain(&"<a".repeat(500_000)).len(), 1_000_000);
    assert_eq!(HTML.decode(&"&".repeat(1_000_000)).len(), 1_000_000);
}

#[test]
fn ratings_of_any_scale() {
    assert_eq!(scale("1-5"), Some((1, 5)));
    assert_eq!(scale("0-100"), Some((0, 100)));
    for wrong in ["", "5", "2-5", "1-1", "5-1", "1-05", "1-101", "1 - 5", "-1-5"] {
        assert_eq!(scale(wrong), None, "{wrong}");
    }
    assert_eq!(hundredths("5", 1, 5), Some(500));
    assert_eq!(hundredths("4.5", 1, 5), Some(450));
    assert_eq!(hundredths("1", 1, 10), Some(100));
    assert_eq!(hundredths("10", 1, 10), Some(500));
    assert_eq!(hundredths("8.5", 1, 10), Some(433));
    assert_eq!(hundredths("0", 0, 100), Some(100));
    for wrong in ["0", "6", "5.01", "4.999", "-1", "1e0", "", ".5", "9999", "example string"] {
        assert_eq!(hundredths(wrong, 1, 5), None, "{wrong}");
    }
}
