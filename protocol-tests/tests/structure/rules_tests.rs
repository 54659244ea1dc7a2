//! Each rule is shown small sources with one fault and must find just that, and good sources that
//! look like the fault and must be left alone.

use super::Fault;
use super::apis::{api_faults, rows};
use super::arrows::arrow_faults;
use super::shape::{COLUMNS_MAX, FILE_LINES_MAX, FUNCTION_LINES_MAX, shape_faults};
use super::tokens::{LITERAL, tokens};
use super::words::word_faults;

fn texts(source: &str) -> Vec<String> {
    tokens(source).into_iter().map(|token| token.text).collect()
}

fn only(faults: Vec<Fault>) -> (usize, String) {
    assert_eq!(faults.len(), 1, "{faults:?}");
    (faults[0].line, faults[0].text.clone())
}

/// The paths that a file was told not to name, in order.
fn refused(file: &str, source: &str) -> Vec<String> {
    let faults = arrow_faults(file, source).into_iter();
    faults.map(|fault| fault.text.rsplit(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn comments_and_literals_are_not_code() {
    let source =
        "a /* use /* nested */ x */ b // c\n\"d \\\" // e\" r#\"f \" g\"# b'\\'' '}' 'h: &'i j";
    let expected =
        ["a", "b", LITERAL, LITERAL, LITERAL, LITERAL, "'", "h", ":", "&", "'", "i", "j"];
    assert_eq!(texts(source), expected);
    assert_eq!(tokens("a\n/*\n*/\"\n\" b").last().map(|token| token.line), Some(4));
    assert_eq!(texts("br\"a\" raw b\"c\" crate::x"), [LITERAL, "raw", LITERAL, "crate", "::", "x"]);
}

#[test]
fn a_wrong_import_is_found_in_every_spelling() {
    let file = "src/kernel/log/mod.rs";
    assert_eq!(refused(file, "use crate::storage::disk;"), ["crate::storage::disk"]);
    assert_eq!(refused(file, "use super::super::storage;"), ["crate::storage"]);
    assert_eq!(refused(file, "use felice::net::Net;"), ["crate::net::Net"]);
    assert_eq!(refused(file, "fn f() { crate::clock::now() }"), ["crate::clock::now"]);
    assert_eq!(refused(file, "fn f() { super::super::api::x() }"), ["crate::api::x"]);
    assert_eq!(
        refused(file, "use crate::{kernel::types, wire::{self, guard as g}, net,};"),
        ["crate::wire", "crate::wire::guard", "crate::net"]
    );
    assert_eq!(refused(file, "pub use std::{io, fs as files};"), ["std::fs"]);
    assert_eq!(refused(file, "type T = tokio::sync::Notify;"), ["tokio::sync::Notify"]);
    assert_eq!(refused(file, "use rocksdb;"), ["rocksdb"]);
    assert_eq!(refused(file, "let t = std::time::Instant::now();"), ["std::time::Instant::now"]);
}

#[test]
fn storage_reaches_files_through_the_disk_only() {
    let source = "use std::fs; use super::disk::File; fn f() { File::open(p); }
        fn g(file: &File) { rustix::io::pwritev(file) }";
    let found = refused("src/storage/swap.rs", source);
    assert_eq!(found, ["std::fs", "File::open", "rustix::io::pwritev"]);
    assert_eq!(refused("src/storage/disk.rs", source), Vec::<String>::new());
}

#[test]
fn an_import_that_is_allowed_or_only_looks_wrong_is_left_alone() {
    let file = "src/kernel/log/mod.rs";
    let good = "use crate::kernel::types::Offset; use super::batch; use self::index::Index;
        use bytes::{Buf, Bytes}; use std::collections::BTreeMap; use thiserror::Error;
        // use crate::storage::disk;
        /// See [`crate::storage::disk`].
        fn f() { let text = \"crate::net::x\"; Vec::<u8>::new(); Net::new(); }
        #[cfg(test)] mod tests { use crate::storage::disk; fn g() { std::fs::read(\"x\"); } }
        #[cfg(test)] use tokio::test;
        #[derive(Debug)] struct S;";
    assert_eq!(refused(file, good), [""; 0]);
    assert_eq!(refused("src/kernel/log/tests.rs", "use crate::storage::disk;"), [""; 0]);
    assert_eq!(refused("src/kernel/log_tests.rs", "use crate::storage::disk;"), [""; 0]);
    assert_eq!(refused(file, "#[cfg(not(test))] use crate::net::x;"), ["crate::net::x"]);
    let after = "#[cfg(test)] mod tests { fn a() {} } use crate::net::x;";
    assert_eq!(refused(file, after), ["crate::net::x"]);
}

#[test]
fn every_part_has_its_limits() {
    let wrong = [
        ("src/clock.rs", "use crate::storage::disk;"),
        ("src/config/node.rs", "use crate::coordinator::control;"),
        ("src/storage/rocks.rs", "use kafka_protocol::messages;"),
        ("src/storage/rocks.rs", "use crate::api::Cx;"),
        ("src/storage/rocks.rs", "use crate::config::settings::Settings;"),
        ("src/coordinator/groups/shard.rs", "use std::fs::File;"),
        ("src/coordinator/ids.rs", "use crate::storage::disk;"),
        ("src/coordinator/ids.rs", "use crate::broker::Broker;"),
        ("src/wire/fetch.rs", "use crate::storage::partition::Partition;"),
        ("src/api/fetch.rs", "use crate::net::Net;"),
        ("src/api/fetch.rs", "use crate::storage::rocks::Rocks;"),
        ("src/api/fetch.rs", "use crate::broker::run;"),
        ("src/net/mod.rs", "use crate::kernel::types;"),
        ("src/net/mod.rs", "use crate::storage::append::Prepared;"),
        ("src/main.rs", "use felice::storage;"),
        ("src/broker.rs", "fn f() { rocksdb::DB::open(path) }"),
    ];
    for (file, source) in wrong {
        assert_eq!(refused(file, source).len(), 1, "{file}: {source}");
    }
    let right = [
        ("src/storage/partitions.rs", "use crate::config::dynamic::TopicConfig;"),
        ("src/coordinator/ids.rs", "use crate::storage::partitions::Partitions;"),
        ("src/wire/fetch.rs", "use crate::storage::reader::Slice;"),
        ("src/api/fetch.rs", "use crate::broker::Broker; use kafka_protocol::messages;"),
        ("src/net/listener.rs", "use crate::storage::append::Drain;"),
        ("src/broker.rs", "use crate::storage::rocks::Rocks;"),
    ];
    for (file, source) in right {
        assert_eq!(refused(file, source), [""; 0], "{file}: {source}");
    }
    let (_, text) = only(arrow_faults("src/newcomer.rs", "use bytes::Buf;"));
    assert!(text.contains("newcomer is not in the table"), "{text}");
}

#[test]
fn a_function_is_measured_to_its_closing_brace() {
    let function = |lines: usize| {
        let body = "    call(|| { \"}\" }); // }\n".repeat(lines - 2);
        format!("//! A file.\n\nfn measured(a: [u8; 2]) -> usize {{\n{body}}}\n")
    };
    assert_eq!(shape_faults("src/a.rs", &function(FUNCTION_LINES_MAX)), []);
    let (line, text) = only(shape_faults("src/a.rs", &function(FUNCTION_LINES_MAX + 1)));
    assert_eq!((line, text), (3, "fn measured has 71 lines, 70 are allowed".to_owned()));
    let bodiless = "//! A file.\ntrait T {\n    fn a(&self);\n    fn b(f: fn(u8) -> u8);\n}\n";
    let trait_first = format!("{bodiless}{}", "// filler\n".repeat(FUNCTION_LINES_MAX));
    assert_eq!(shape_faults("src/a.rs", &trait_first), []);
}

#[test]
fn long_files_and_lines_are_found() {
    let lines = |count: usize| format!("//! A file.\n{}", "// filler\n".repeat(count - 1));
    assert_eq!(shape_faults("src/a.rs", &lines(FILE_LINES_MAX)), []);
    assert_eq!(only(shape_faults("src/a.rs", &lines(FILE_LINES_MAX + 1))).0, 601);
    assert_eq!(shape_faults("src/a_tests.rs", &lines(1000)), []);
    assert_eq!(only(shape_faults("src/a/tests.rs", &lines(1001))).0, 1001);
    assert_eq!(only(shape_faults("protocol-tests/tests/x.rs", &lines(1001))).0, 1001);
    assert_eq!(shape_faults("src/wire/shapes.rs", &lines(3000)), []);
    let line = |columns: usize| format!("//! A file.\n//{}\n", "ü".repeat(columns - 2));
    assert_eq!(shape_faults("src/a.rs", &line(COLUMNS_MAX)), []);
    assert_eq!(only(shape_faults("src/a.rs", &line(COLUMNS_MAX + 1))).0, 2);
}

#[test]
fn manners_are_judged() {
    let unwraps = "//! A file.\nfn f() {\n    g().unwrap();\n    g().unwrap_or(1);\n}\n";
    assert_eq!(only(shape_faults("src/a.rs", unwraps)).0, 3);
    assert_eq!(shape_faults("src/a_tests.rs", unwraps), []);
    let tested = "//! A file.\n#[cfg(test)]\nmod tests {\n    fn f() { g().unwrap(); }\n}\n";
    assert_eq!(shape_faults("src/a.rs", tested), []);
    for word in ["todo", "unimplemented", "dbg"] {
        let unfinished = format!("//! A file.\nfn f() {{\n    {word}!(\"later\");\n}}\n");
        assert_eq!(only(shape_faults("src/a.rs", &unfinished)).0, 3);
        assert_eq!(only(shape_faults("src/a_tests.rs", &unfinished)).0, 3);
    }
    let only_named = "//! A file.\n// todo!\nfn todo() -> &'static str {\n    \"todo!()\"\n}\n";
    assert_eq!(shape_faults("src/a.rs", only_named), []);
    for bare in ["", "use std::io;\n", "// A comment.\n", "/// An item.\nfn f() {}\n"] {
        assert_eq!(only(shape_faults("src/a.rs", bare)).0, 1, "{bare:?}");
    }
}

#[test]
fn an_api_without_a_test_is_found() {
    let table = "macro_rules! apis { ($x:ident) => {} }\napis! { fetch::Fetch, produce::Produce, }";
    assert_eq!(rows(table), ["fetch", "produce"]);
    let files = ["fetch.rs".to_owned(), "produce.rs".to_owned(), "main.rs".to_owned()];
    let declared = "mod fetch;\nmod produce;";
    let handler = |name: &str, source: &str| (format!("src/api/{name}.rs"), source.to_owned());
    let handlers =
        [handler("fetch", "impl Api for Fetch {}"), handler("topics", "// impl Api for nothing")];
    assert_eq!(api_faults(table, &files, declared, &handlers), []);
    let (_, text) = only(api_faults(table, &files[..1], declared, &handlers));
    assert!(text.contains("produce has no test"), "{text}");
    let (_, text) = only(api_faults(table, &files, "mod fetch; // mod produce;", &handlers));
    assert!(text.contains("no program of tests declares"), "{text}");
    let (_, text) = only(api_faults("", &files, declared, &[]));
    assert!(text.contains("no apis! table"), "{text}");
    let stray = [handler("metadata", "impl Api for Metadata {}")];
    let fault = &api_faults(table, &files, declared, &stray)[0];
    assert!(fault.text.contains("not in the apis! table") && fault.file.ends_with("metadata.rs"));
}

#[test]
fn a_place_of_one_machine_is_found() {
    let place = concat!("/wo", "rk/");
    assert_eq!(only(word_faults("a.md", &format!("see\n`{place}x`"))).0, 2);
    assert_eq!(only(word_faults("a.sh", &format!("cd {place}"))).0, 1);
    assert_eq!(only(word_faults("a.sh", &format!("x={place}"))).0, 1);
    assert_eq!(word_faults("a.sh", &format!("cd $base{place}x ${{base}}{place}x")), []);
}
