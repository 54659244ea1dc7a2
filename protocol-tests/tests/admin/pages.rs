//! The web pages, as texts. How a browser shows them is tested in `browser`.

use protocol_tests::batches::{one, records};
use protocol_tests::http::get;

use crate::group_requests::{commit_simple, coordinator, stable_group};
use crate::requests::{create, produce};
use crate::{ADMIN, start};

/// A client ID and a group ID that would like to be markup.
const EVIL: &str = "<img src=x onerror=\"alert('x')\">";

#[test]
fn an_empty_broker_has_a_page() {
    let broker = start(&[]);
    let answer = get(broker.admin_address(), "/");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("Content-Type: text/html; charset=utf-8"), "{}", answer.head);
    assert!(answer.head.contains("Content-Security-Policy: default-src 'none';"));
    for part in ["Topics (0)", "Groups (0)", "Clients (0)", "class=\"good\">ready<"] {
        assert!(answer.body.contains(part), "no {part} in\n{}", answer.body);
    }
    assert!(!answer.body.contains("http://") && !answer.body.contains("https://"));
    for (path, kind) in [("/style.css", "text/css"), ("/refresh.js", "text/javascript")] {
        let answer = get(broker.admin_address(), path);
        assert!(answer.status == 200 && answer.head.contains(kind), "{}", answer.head);
    }
}

#[test]
fn the_page_shows_topics_groups_and_clients_and_trusts_no_name() {
    let broker = coordinator(&[ADMIN]);
    let mut client = broker.connect().named(EVIL);
    create(&mut client, "orders", 3, &[]);
    produce(&mut client, "orders", records(7));
    stable_group(&mut client, "readers");
    commit_simple(&mut client, EVIL, "orders", 2);
    let page = get(broker.admin_address(), "/").body;
    let escaped = "&lt;img src=x onerror=&quot;alert(&#39;x&#39;)&quot;&gt;";
    let link = "/groups/%3Cimg%20src%3Dx%20onerror%3D%22alert%28%27x%27%29%22%3E";
    for part in [
        "<a href=\"/topics/orders\">orders</a>",
        "<a href=\"/topics/__consumer_offsets\">",
        "<a href=\"/groups/readers\">readers</a></td><td>Stable</td><td class=\"n\">1</td>",
        &format!("<a href=\"{link}\">{escaped}</a></td><td>Empty</td>"),
        &format!("<td>{escaped}</td>"),
        &client.local_address().to_string(),
        "Topics (2)",
        "Groups (2)",
    ] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    assert!(!page.contains("<img"), "{page}");
    let group = get(broker.admin_address(), link).body;
    // Two of seven records are read.
    let row = "orders</a></td><td class=\"n\">0</td><td class=\"n\">2</td><td class=\"n\">5</td>";
    assert!(group.contains(row) && !group.contains("<img"), "{group}");
    let topic = get(broker.admin_address(), "/topics/orders").body;
    assert!(topic.contains("Partitions (3)") && topic.contains("online"), "{topic}");
    for path in
        ["/topics/none", "/groups/none", "/topics/", "/groups/%", "/other/orders", "/topics"]
    {
        assert_eq!(get(broker.admin_address(), path).status, 404, "{path}");
    }
}

#[test]
fn a_page_of_many_topics_stays_small() {
    let broker = start(&[]);
    let mut client = broker.connect();
    for number in 0..205 {
        create(&mut client, &format!("topic-{number:03}"), 1, &[]);
    }
    produce(&mut client, "topic-000", one(b"x"));
    let page = get(broker.admin_address(), "/").body;
    assert!(page.contains("Topics (205)") && page.contains("and 5 more"), "{page}");
    assert!(page.contains(">topic-199<") && !page.contains(">topic-200<"));
}
