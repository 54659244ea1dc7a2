//! The rules of classic groups and committed offsets, as scripts in `data/groups`. With REWRITE=1
//! in the environment the scripts are rewritten with what the kernel really does; read the diff.

#[path = "../src/group_script.rs"]
mod group_script;

use std::fs;
use std::path::Path;

#[test]
fn scripts_have_the_effects_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/groups");
    let rewrite = std::env::var_os("REWRITE").is_some();
    let mut failed = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the scripts are there") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        count += 1;
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let script = fs::read_to_string(&path).expect("a script is text");
        let actual = group_script::run(&name, &script);
        if actual != script {
            if rewrite {
                fs::write(&path, &actual).expect("a script can be written");
            }
            failed.push(format!("{name}\n{}", first_difference(&script, &actual)));
        }
    }
    assert!(count >= 15, "only {count} scripts in {}", folder.display());
    if !rewrite {
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
}

fn first_difference(expected: &str, actual: &str) -> String {
    let mut actual_lines = actual.lines();
    for (number, line) in expected.lines().enumerate() {
        let really = actual_lines.next();
        if really != Some(line) {
            let really = really.unwrap_or("nothing");
            return format!("  line {}\n  expected {line}\n  actual   {really}", number + 1);
        }
    }
    format!("  after the last line\n  actual   {}", actual_lines.next().unwrap_or("nothing"))
}
