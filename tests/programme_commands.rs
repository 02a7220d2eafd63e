//! The programme by commands alone: from nothing to a live customer link, suspended, lifted, limited and moved.
#![allow(clippy::unwrap_used, reason = "a failure of a test is a panic")]

#[path = "support/mod.rs"]
mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use gateway::arrangement::leg::Leg;
use jiff::{ToSpan, Zoned};
use serde_json::Value;
use support::{Houses, NAMES, PATIENCE};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");
const LINK: &str = "LNK-0009";
/// The documents that a customer's link requires, with the files that they are in.
const DOCUMENTS: [(&str, &str); 3] = [
    ("customer-agreement", "agreement.pdf"),
    ("subordination-agreement", "subordination.pdf"),
    ("disclosure-acknowledgement", "disclosure.pdf"),
];
const GUIDE: &str = include_str!("../docs/programme.md");

fn command(houses: &Houses, leg: Leg, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    let node = format!("127.0.0.1:{}", houses.port(leg));
    command.current_dir(houses.directory()).args(args).args(["--house", NAMES[leg], "--node", &node]);
    command
}

/// What a command prints as JSON, or its problems.
fn run(houses: &Houses, leg: Leg, args: &[&str]) -> Result<Value, String> {
    let output = command(houses, leg, args).arg("--json").output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

fn text(houses: &Houses, leg: Leg, args: &[&str]) -> String {
    let output = command(houses, leg, args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same command at both houses.
fn both(houses: &Houses, args: &[&str]) {
    for leg in Leg::BOTH {
        run(houses, leg, args).unwrap();
    }
}

/// Waits until both houses show the link so: what one recorded reaches the other a moment later.
async fn wait(houses: &Houses, what: &str, is_it: impl Fn(&Value) -> bool) {
    wait_for(houses, what, &["links", "show", LINK], is_it).await;
}

async fn wait_for(houses: &Houses, what: &str, show: &[&str], is_it: impl Fn(&Value) -> bool) {
    for leg in Leg::BOTH {
        let begin = Instant::now();
        loop {
            let link = run(houses, leg, show);
            if link.as_ref().is_ok_and(&is_it) {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "{what} at {}: {link:?}", NAMES[leg]);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn wait_stage(houses: &Houses, stage: &str) {
    wait(houses, stage, |link| link["stage"] == stage).await;
}

/// The batch that the guide shows.
fn guide() -> &'static str {
    GUIDE.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0
}

#[tokio::test]
async fn a_customer_is_taken_from_nothing_to_live_and_through_its_life_by_commands_alone() {
    let houses = Houses::running(BINARY).await;
    let (us, them) = (Leg::Treasury, Leg::Futures);
    let write = |name: &str, text: &str| fs::write(houses.directory().join(name), text).unwrap();
    for file in ["agreement.pdf", "subordination.pdf", "disclosure.pdf"] {
        write(file, file);
    }
    let header = "link_id,kind,member,owner,treasury_account,futures_account\n";
    write("links.csv", &format!("{header}{LINK},customer,alder-point,C-7F3A,GSD-1009,XM-1009\n"));

    // Nothing is recorded before its time, and the file's own line is named.
    let early = run(&houses, us, &["links", "record", "--csv", "links.csv"]).unwrap_err();
    assert!(early.contains("links.csv, line 2, link.member: LNK-0009 is not eligible"), "{early}");

    let member = ["--membership", "2020-01-02", "--broker-dealer", "2020-01-02", "--fcm", "2020-01-02"];
    for firm in ["alder-point", "caldera"] {
        both(&houses, &[&["programme", "member", firm][..], &member].concat());
    }
    let customer = ["programme", "customer", "C-7F3A", "--member", "alder-point", "--opted-in", "2026-01-05"];
    let checked = run(&houses, us, &[&customer[..], &["--check"]].concat()).unwrap();
    assert_eq!((&checked["is_check"], &checked["sequence"]), (&true.into(), &0.into()));
    both(&houses, &customer);

    run(&houses, us, &["links", "record", "--csv", "links.csv"]).unwrap();
    let waiting = text(&houses, us, &["links", "show", LINK]);
    assert!(waiting.contains("CME has not recorded it"), "{waiting}");
    let request = ["links", "record", "--csv", "links.csv", "--request-id", "our-links"];
    let first = run(&houses, them, &request).unwrap();
    let again = run(&houses, them, &request).unwrap();
    assert_eq!((&first["is_replay"], &again["is_replay"]), (&false.into(), &true.into()));
    assert_eq!(first["sequence"], again["sequence"]);
    for (kind, file) in DOCUMENTS {
        both(&houses, &["links", "document", LINK, "--kind", kind, "--file", file, "--dated", "2026-01-12"]);
    }
    wait_stage(&houses, "documented").await;
    both(&houses, &["links", "stage", LINK, "--to", "rehearsing", "--reason", "documents complete"]);
    wait_stage(&houses, "rehearsing").await;

    // Without approvals nobody goes live.
    let live = ["links", "stage", LINK, "--to", "live", "--reason", "rehearsal accepted"];
    let refused = run(&houses, us, &live).unwrap_err();
    assert!(refused.contains("SEC_ORDER") && refused.contains("stage.link_ids[0]"), "{refused}");
    for (id, kind) in [
        ("sec-customers", "sec-order"),
        ("cftc-customers", "cftc-order"),
        ("treasury-house-customers", "treasury-house-rule"),
        ("futures-house-customers", "futures-house-rule"),
    ] {
        let approve = ["programme", "approve", id, "--kind", kind, "--reference", "made up for a test"];
        both(&houses, &[&approve[..], &["--scope", "customer", "--from", "2026-01-15"]].concat());
    }
    wait(&houses, "every approval", |link| !link["missing"].to_string().contains("APPROVAL")).await;
    let approvals = run(&houses, us, &["programme", "approvals"]).unwrap();
    assert_eq!(approvals.as_array().unwrap().iter().filter(|found| found["is_effective"] == true).count(), 4);
    both(&houses, &live);
    wait_stage(&houses, "live").await;

    // One house suspends, both lift.
    let suspend = ["programme", "suspend", "--member", "alder-point", "--reason", "margin call missed"];
    let suspended = run(&houses, them, &suspend).unwrap();
    let id = suspended["suspensions"][0].as_str().unwrap().to_owned();
    assert_eq!(id, format!("CME/{}/0", suspended["sequence"]));
    wait_stage(&houses, "suspended").await;
    let seen = run(&houses, us, &["programme", "suspensions", "--in-force", "--as", "member/alder-point"]).unwrap();
    assert_eq!((&seen[0]["suspension"], &seen[0]["scope"]["member"]), (&id.as_str().into(), &"alder-point".into()));
    let members = run(&houses, us, &["programme", "members", "--as", "member/alder-point"]).unwrap();
    assert_eq!((members.as_array().unwrap().len(), &members[0]["may_link_customers"]), (1, &false.into()));
    both(&houses, &["programme", "lift", &id, "--reason", "paid"]);
    wait_stage(&houses, "live").await;
    assert_eq!(run(&houses, us, &["programme", "suspensions", "--in-force"]).unwrap(), Value::Array(vec![]));

    let limit = ["programme", "limit", "--link", LINK, "--max-factor-bp", "5000", "--from", "2026-01-15"];
    run(&houses, us, &[&limit[..], &["--reason", "model review"]].concat()).unwrap();
    wait(&houses, "the limit", |link| link["override_bp"] == 5_000).await;

    // The customer moves, and its history with it.
    both(&houses, &["programme", "customer", "C-7F3A", "--member", "caldera", "--opted-in", "2026-01-15"]);
    // Two days ahead of the clock it is at neither house today, whatever its zone.
    let from = Zoned::now().date().saturating_add(2.days()).to_string();
    let moved = ["links", "move", LINK, "--to", "caldera", "--from", &from, "--reason", "asked for"];
    let on_the_date = ["links", "show", LINK, "--date", &from];
    run(&houses, us, &moved).unwrap();
    let half = run(&houses, us, &on_the_date).unwrap();
    assert_eq!((&half["member"], &half["stage"]), (&"alder-point".into(), &"live".into()), "{half:#}");
    assert!(half["remarks"][0].as_str().unwrap().contains("has not recorded the move to caldera"), "{half:#}");
    run(&houses, them, &moved).unwrap();
    wait_for(&houses, "its documents at the new member", &on_the_date, |link| {
        link["member"] == "caldera" && link["stage"] == "suspended" && link["missing"].as_array().unwrap().len() == 6
    })
    .await;
    for (kind, file) in DOCUMENTS {
        let document = ["links", "document", LINK, "--kind", kind, "--file", file, "--dated", "2026-01-12"];
        both(&houses, &[&document[..], &["--member", "caldera"]].concat());
    }
    wait_for(&houses, "the move", &on_the_date, |link| link["member"] == "caldera" && link["stage"] == "live").await;
    assert_eq!(run(&houses, us, &["links", "show", LINK]).unwrap()["member"], "alder-point");
    // Until then it is its member's alone, whatever date is asked for, and told as of now.
    let own = [&on_the_date[..], &["--as", "member/alder-point"]].concat();
    assert_eq!(run(&houses, us, &own).unwrap()["member"], "alder-point");
    let other = [&on_the_date[..], &["--as", "member/caldera"]].concat();
    assert!(run(&houses, us, &other).unwrap_err().contains("not found"));

    let life = run(&houses, us, &["links", "show", LINK]).unwrap();
    let history = life["history"].as_array().unwrap();
    for (change, count) in [("link", 2), ("document", 12), ("stage", 4), ("override", 1), ("port", 2)] {
        assert_eq!(history.iter().filter(|found| found["change"] == change).count(), count, "{change}: {life:#}");
    }
    assert!(history.iter().all(|found| found["by"].as_str().unwrap().starts_with("administrator")), "{life:#}");

    let listed = |filter: &[&str]| {
        let args = [&["links", "list"][..], filter].concat();
        run(&houses, us, &args).unwrap().as_array().unwrap().len()
    };
    assert_eq!(
        [
            listed(&["--member", "caldera", "--kind", "customer", "--stage", "live", "--date", &from]),
            listed(&["--member", "alder-point", "--date", &from]),
            listed(&["--stage", "closed"]),
            listed(&["--member", "alder-point"]),
        ],
        [1, 0, 0, 1]
    );

    // Watching takes up where a reader left, and tells what is listed.
    let ours = run(&houses, us, &["programme", "changes", "--of", "FICC"]).unwrap();
    let ours = ours.as_array().unwrap();
    assert!(ours.iter().all(|change| change["house"] == "FICC"));
    let known = (ours.last().unwrap()["sequence"].as_u64().unwrap() - 1).to_string();
    let watch = ["programme", "watch", "--after-treasury", &known, "--json"];
    let mut watching = command(&houses, us, &watch).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut first).unwrap();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert_eq!(&serde_json::from_str::<Value>(&first).unwrap(), ours.last().unwrap());
}

#[tokio::test]
async fn the_batch_of_the_guide_is_recorded_whole_or_not_at_all() {
    let houses = Houses::running(BINARY).await;
    fs::create_dir(houses.directory().join("documents")).unwrap();
    for file in ["agreement.pdf", "subordination.pdf", "disclosure.pdf"] {
        fs::write(houses.directory().join("documents").join(file), file).unwrap();
    }
    let path = houses.directory().join("onboarding.toml");
    let record = ["programme", "record", "--file", "onboarding.toml"];

    // One problem, named by its line in the file, and nothing of it is recorded.
    fs::write(&path, guide().replace("owner = \"C-7F3A\"", "owner = \"C-0000\"")).unwrap();
    let refused = run(&houses, Leg::Treasury, &record).unwrap_err();
    let line = 1 + guide().lines().position(|line| line == "[[link]]").unwrap();
    assert!(refused.contains(&format!("onboarding.toml, line {line}, link.owner")), "{refused}");
    assert_eq!(run(&houses, Leg::Treasury, &["programme", "changes"]).unwrap(), Value::Array(vec![]));

    fs::write(&path, guide()).unwrap();
    let checked = run(&houses, Leg::Treasury, &[&record[..], &["--check"]].concat()).unwrap();
    assert_eq!(checked["is_check"], true);
    both(&houses, &record);
    wait_stage(&houses, "rehearsing").await;
}
