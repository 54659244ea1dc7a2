//! The rules of classic groups and committed offsets, as scripts in `data/groups`. With REWRITE=1
//! in the environment the scripts are rewritten with what the kernel really does; read the diff.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use protocol_tests::group_script;

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

/// A small generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

/// What a crowd of clients has learnt and still waits for.
struct Crowd {
    numbers: Numbers,
    members: Vec<String>,
    generation: i64,
    waiting: BTreeSet<u64>,
    tickets: u64,
}

impl Crowd {
    /// A command that makes sense often enough to bring groups into every state.
    fn command(&mut self) -> String {
        let numbers = &mut self.numbers;
        let recent = self.members.iter().rev().take(5).map(String::as_str).collect::<Vec<_>>();
        let member = if recent.is_empty() { "nobody" } else { numbers.pick(&recent) };
        let fixed = numbers.pick(&["", "", "", " static=i", " static=j"]);
        let stray = numbers.below(8) == 0;
        let generation = if stray { numbers.below(9) as i64 - 1 } else { self.generation };
        let ticket = self.tickets;
        let asks = match numbers.below(13) {
            0..=4 => {
                let id = numbers.pick(&["-", "-", member, member, member]);
                let choice = ["range:t", "range:t#1", "range:t,sticky:u", "sticky:t,range:t"];
                let protocols = numbers.pick(&choice);
                let version = numbers.pick(&["3", "9"]);
                let session = 6_000 + numbers.below(30_000);
                let rebalance = numbers.pick(&["-1", "0", "9000", "60000"]);
                format!(
                    "join {ticket} g {id} as=M{ticket}{fixed} protocols={protocols} v={version} \
                     session={session} rebalance={rebalance}"
                )
            }
            5..=7 => format!("sync {ticket} g {member} {generation}{fixed} assign={member}:x"),
            8 => format!("heartbeat {ticket} g {member} {generation}{fixed}"),
            9 => format!("leave {ticket} g {member},-/i"),
            10 => format!("commit {ticket} g {member} {generation} t-0={ticket} u-1={ticket}"),
            11 => return numbers.pick(&["delete-topics u", "restart", "list"]).to_owned(),
            _ => return format!("+{}", numbers.below(8_000)),
        };
        self.tickets += 1;
        self.waiting.insert(ticket);
        asks
    }

    /// Takes in what came of a command, and notes which kinds of effects were seen.
    fn learn(&mut self, effects: &[String], seen: &mut BTreeSet<String>) {
        for effect in effects {
            let words: Vec<&str> = effect.split_whitespace().collect();
            if words.first() != Some(&"reply") {
                continue;
            }
            self.waiting.remove(&words[1].parse().expect("a reply has a number"));
            let kind = words[2..].iter().take_while(|word| !word.contains('='));
            seen.insert(kind.copied().collect::<Vec<_>>().join(" "));
            for word in words {
                if let Some(member) = word.strip_prefix("member=").filter(|id| *id != "-") {
                    self.members.push(member.to_owned());
                }
                if let Some(generation) = word.strip_prefix("generation=") {
                    self.generation = generation.parse().expect("a generation is a number");
                }
            }
        }
    }
}

/// Whatever clients do: every request is answered once and in the end, a group that everybody has
/// left becomes empty, and a restart at any time forgets nothing that was answered.
#[test]
fn no_request_is_left_unanswered() {
    let mut seen = BTreeSet::new();
    for seed in 1..=300 {
        let mut runner = group_script::Runner::new();
        let numbers = Numbers(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut crowd = Crowd {
            numbers,
            members: Vec::new(),
            generation: 1,
            waiting: BTreeSet::new(),
            tickets: 0,
        };
        for turn in 0..300 {
            let command = crowd.command();
            if command == "restart" {
                // The connections of those who wait break, and so the requests end.
                crowd.waiting.clear();
            }
            let effects = runner.run(&command);
            crowd.learn(&effects, &mut seen);
            if turn % 16 == 0 {
                runner.check_replay(&format!("seed {seed} turn {turn}"));
            }
        }
        for _ in 0..200 {
            let effects = runner.run("+5000");
            crowd.learn(&effects, &mut seen);
        }
        assert_eq!(crowd.waiting, BTreeSet::new(), "seed {seed}");
        let described = runner.run("describe g");
        assert!(described[0].starts_with("Empty") || described[0] == "Dead", "{described:?}");
        runner.check_replay(&format!("seed {seed}"));
    }
    // The crowd must have got far enough for this to mean something.
    for kind in [
        "joined",
        "synced",
        "join MemberIdRequired",
        "join FencedInstanceId",
        "join InconsistentGroupProtocol",
        "sync FencedInstanceId",
        "sync RebalanceInProgress",
        "heartbeat RebalanceInProgress",
        "commit RebalanceInProgress",
        "commit IllegalGeneration",
    ] {
        assert!(seen.contains(kind), "{kind} is not among {seen:?}");
    }
}
