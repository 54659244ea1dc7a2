//! Text that is safe to put into a page. Everything that comes from clients passes through
//! [`Html::text`]; there is no way to make [`Html`] of a text without it.

use std::fmt::{Display, Write};

/// Escaped text, or markup of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

/// One cell of a table.
pub(super) enum Cell {
    /// Words, at the left.
    Words(Html),
    /// A number, at the right.
    Number(Html),
}

impl Html {
    /// A text as it is, with what means something in HTML escaped.
    pub(super) fn text(text: &str) -> Html {
        let mut escaped = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                // Nobody can see what these do to a line.
                hidden if hidden.is_control() => escaped.push('\u{fffd}'),
                plain => escaped.push(plain),
            }
        }
        Html(escaped)
    }

    /// A link within this site: folder and name are parts of the path.
    pub(super) fn link(folder: &'static str, name: &str) -> Html {
        Html(format!("<a href=\"/{folder}/{}\">{}</a>", percent_encode(name), Html::text(name).0))
    }

    /// Words in a class of the style sheet.
    pub(super) fn marked(class: &'static str, text: &str) -> Html {
        Html(format!("<span class=\"{class}\">{}</span>", Html::text(text).0))
    }

    /// Appends.
    pub(super) fn push(&mut self, other: &Html) {
        self.0.push_str(&other.0);
    }

    /// The way to the first page.
    pub(super) fn home() -> Html {
        Html("<a href=\"/\">Felice</a>".to_owned())
    }

    /// The state of the broker; `refresh.js` finds it when the broker no longer answers.
    pub(super) fn state(class: &'static str, text: &str) -> Html {
        Html(format!("<b id=\"state\" class=\"{class}\">{}</b>", Html::text(text).0))
    }

    /// Appends figures with their names.
    pub(super) fn push_tiles(&mut self, tiles: &[(&'static str, String)]) {
        self.write(format_args!("<div class=\"tiles\">\n"));
        for (name, figure) in tiles {
            self.write(format_args!("<div>{name}<b>{}</b></div>\n", Html::text(figure).0));
        }
        self.write(format_args!("</div>\n"));
    }

    /// Appends markup of ours around other HTML.
    pub(super) fn push_element(&mut self, tag: &'static str, inner: &Html) {
        self.write(format_args!("<{tag}>{}</{tag}>\n", inner.0));
    }

    /// Appends a table under a title. Of `count` rows those that are given are shown.
    pub(super) fn push_table(
        &mut self,
        title: &'static str,
        heads: &[&'static str],
        rows: impl Iterator<Item = Vec<Cell>>,
        count: usize,
    ) {
        let mut body = Html::default();
        let mut shown = 0;
        let mut is_number = vec![false; heads.len()];
        for row in rows {
            shown += 1;
            let mut line = Html::default();
            for (cell, is_number) in row.iter().zip(&mut is_number) {
                match cell {
                    Cell::Words(html) => line.write(format_args!("<td>{}</td>", html.0)),
                    Cell::Number(html) => {
                        *is_number = true;
                        line.write(format_args!("<td class=\"n\">{}</td>", html.0));
                    }
                }
            }
            body.push_element("tr", &line);
        }
        self.write(format_args!("<h2>{title} ({count})</h2>\n"));
        if shown == 0 {
            self.write(format_args!("<p class=\"note\">none</p>\n"));
            return;
        }
        let mut head = Html::default();
        for (name, is_number) in heads.iter().zip(is_number) {
            let class = if is_number { " class=\"n\"" } else { "" };
            head.write(format_args!("<th{class}>{name}</th>"));
        }
        self.write(format_args!("<table>\n<tr>{}</tr>\n{}</table>\n", head.0, body.0));
        if count > shown {
            self.write(format_args!("<p class=\"note\">and {} more</p>\n", count - shown));
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes everything");
    }

    /// A whole page.
    pub(super) fn into_page(self, title: &str) -> String {
        let title = Html::text(title).0;
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/style.css\">\n\
             <script src=\"/refresh.js\" defer></script>\n</head>\n<body>\n<main>\n{}</main>\n\
             </body>\n</html>\n",
            self.0
        )
    }
}

/// A cell of words.
pub(super) fn words(text: &str) -> Cell {
    Cell::Words(Html::text(text))
}

/// A cell of a number.
pub(super) fn number(number: impl Display) -> Cell {
    Cell::Number(Html::text(&number.to_string()))
}

/// Bytes as people read them: 1.5 KiB.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// Seconds as people read them: 1 h 2 min.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        86_400.. => format!("{days} d {} h", hours % 24),
    }
}

/// A name as part of a path.
fn percent_encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The name that was part of a path, if it was written properly.
pub(super) fn percent_decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_clients_stay_texts() {
        let evil = "<script>alert('x')</script>\"&\n";
        let safe = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\u{fffd}";
        assert_eq!(Html::text(evil).0, safe);
        let link = Html::link("groups", "a/b\"<");
        assert_eq!(link.0, "<a href=\"/groups/a%2Fb%22%3C\">a/b&quot;&lt;</a>");
        let page = Html::default().into_page("<title>");
        assert!(page.contains("<title>&lt;title&gt;</title>"));
    }

    #[test]
    fn names_survive_a_path() {
        for name in ["", "plain-1.0_x~", "a/b c%", "<gr\u{fc}n>", "\u{1f600}"] {
            assert_eq!(percent_decode(&percent_encode(name)).as_deref(), Some(name));
        }
        for path in ["%", "%4", "%zz", "%ff", "%+1"] {
            assert_eq!(percent_decode(path), None, "{path}");
        }
    }

    #[test]
    fn figures_are_for_people() {
        let texts = [0, 1023, 1024, 1536, 1024 * 1024 - 1, u64::MAX].map(bytes);
        assert_eq!(texts[..3], ["0 B", "1023 B", "1.0 KiB"]);
        assert_eq!(texts[3..], ["1.5 KiB", "1.0 MiB", "16384.0 PiB"]);
        let texts = [0, 59, 60, 3599, 3600, 86_399, 86_400, 200_000].map(duration);
        assert_eq!(texts[..4], ["0 s", "59 s", "1 min 0 s", "59 min 59 s"]);
        assert_eq!(texts[4..], ["1 h 0 min", "23 h 59 min", "1 d 0 h", "2 d 7 h"]);
    }

    #[test]
    fn a_table_says_what_it_leaves_out() {
        let mut page = Html::default();
        let row = || vec![words("a"), number(1)];
        page.push_table("Things", &["name", "count"], (0..2).map(|_| row()), 5);
        assert!(page.0.contains("<h2>Things (5)</h2>") && page.0.contains("and 3 more"));
        assert!(page.0.contains("<th>name</th><th class=\"n\">count</th>"));
        let mut page = Html::default();
        page.push_table("Things", &["name"], std::iter::empty(), 0);
        assert!(page.0.contains("none") && !page.0.contains("<table>"));
    }
}
