//! Files of a ledger that are torn, damaged, mixed up or gone after a node was killed in the middle of things: it comes back
//! with everything that it acknowledged, or says what is wrong and signs nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crossmargin::v1;
use gateway::arrangement::{digest::Digest, leg::Leg};
use tonic::Code;

use super::{
    BINARY,
    files::{Copies, copy_tree, flip, ledger_file, length, truncate},
    keeper::{Keeper, Request, is_passing},
    long_form,
    story::{assert_one_story, envelopes, verify},
    support::{Houses, NAMES, PATIENCE, books::cycle},
};

/// Positions of each file that are cut or flipped; the long form takes their number from this variable.
const POSITIONS: u64 = 3;
const POSITIONS_VARIABLE: &str = "CROSSMARGIN_CRASH_POSITIONS";
/// No single commit of these tests takes more of the write-ahead log.
const LAST_COMMIT_BYTES: u64 = 64 << 10;
/// The house whose files are damaged, and the one that knows better.
const VICTIM: Leg = Leg::Treasury;
const OTHER: Leg = Leg::Futures;

/// What becomes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// It has everything that was acknowledged, and goes on with the other house.
    Recovers,
    /// It has everything that was acknowledged and goes on, and verification names a record behind its last snapshot.
    FoundByVerification,
    /// It can be read, and signs nothing.
    RefusesToSign,
    /// It does not start.
    RefusesToStart,
    /// It starts, and stops at the first commit, of which nothing is acknowledged.
    StopsAtCommit,
}

/// From which copy a case begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// Killed: the newest commits are in the write-ahead log.
    Killed,
    /// Stopped in order: all is in the database, with a snapshot of the state.
    Stopped,
}

/// What a fault does to a data directory.
type Damage = Box<dyn Fn(&Path)>;

/// A fault and what may become of it.
struct Case {
    name: String,
    base: Base,
    damage: Damage,
    expected: &'static [Class],
    /// Whether the other house learns of the victim's newest head before the fault, in the process that then meets it.
    is_known: bool,
}

/// What the cases begin from.
struct Bases {
    killed: Copies,
    stopped: Copies,
    /// The victim's data as it was before its last commits.
    earlier: PathBuf,
    keeper: Keeper,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_damaged_files_has_all_that_it_acknowledged_or_signs_nothing() {
    let positions = long_form(POSITIONS_VARIABLE).map_or(POSITIONS, |count| count as u64);
    let earlier = tempfile::tempdir().unwrap();
    let mut houses = Houses::running(BINARY).await;
    let bases = bases(&mut houses, earlier.path()).await;
    let mut counts: BTreeMap<Class, usize> = BTreeMap::new();
    for case in cases(&bases, positions) {
        let begin = Instant::now();
        let class = meet(&mut houses, &bases, &case).await;
        println!("{:5} ms  {:60} {class:?}", begin.elapsed().as_millis(), case.name);
        assert!(case.expected.contains(&class), "{}: {class:?}, not {:?}", case.name, case.expected);
        *counts.entry(class).or_default() += 1;
    }
    println!("{counts:?}");
    for class in [Class::Recovers, Class::RefusesToSign, Class::RefusesToStart] {
        assert!(counts.contains_key(&class), "no case is one of {class:?}: the table has lost its meaning");
    }
}

/// Two houses with an agreed and a running cycle, killed in the middle of things and stopped in order.
async fn bases(houses: &mut Houses, earlier: &Path) -> Bases {
    let keeper = Keeper::new(houses);
    for leg in Leg::BOTH {
        for request in Request::sample(leg) {
            keeper.until_kept(leg, &request).await;
        }
    }
    run_cycle(&keeper, 1).await;
    houses.kill(VICTIM);
    copy_tree(&houses.data(VICTIM), earlier);
    houses.start(VICTIM).await;
    for leg in Leg::BOTH {
        keeper.until_kept(leg, &Request::account("REG-4001")).await;
        keeper.until_kept(leg, &Request::Market { id: "market-2".to_owned() }).await;
        keeper.until_kept(leg, &Request::book(2)).await;
    }
    run_cycle(&keeper, 2).await;
    keeper.until_kept(VICTIM, &Request::account("REG-4002")).await;
    Leg::BOTH.iter().for_each(|leg| houses.kill(*leg));
    let killed = Copies::take(houses);
    houses.start_both().await;
    for leg in Leg::BOTH {
        assert!(houses.stop(leg).await.success(), "{}", houses.log_text(leg));
    }
    Bases { killed, stopped: Copies::take(houses), earlier: earlier.to_owned(), keeper }
}

/// Opens a run at both houses and waits until both have agreed.
async fn run_cycle(keeper: &Keeper, run: u32) {
    let itd = cycle(v1::CycleKind::Itd, run);
    for leg in Leg::BOTH {
        keeper.until_kept(leg, &Request::open(&itd, 600)).await;
    }
    for leg in Leg::BOTH {
        keeper.clients(leg).wait(&itd, "an agreement", |cycle| cycle.agreed_round > 0).await;
    }
}

/// Every case.
fn cases(bases: &Bases, positions: u64) -> Vec<Case> {
    use Class::{FoundByVerification, Recovers, RefusesToSign, RefusesToStart, StopsAtCommit};
    const ANY_LOSS: &[Class] = &[RefusesToSign, RefusesToStart];
    // A byte may be in a place that holds nothing, or behind the snapshot.
    const ANY_FLIP: &[Class] = &[Recovers, FoundByVerification, RefusesToSign, RefusesToStart, StopsAtCommit];
    let mut cases = Vec::new();
    let mut add = |name: String, base: Base, expected: &'static [Class], damage: Damage| {
        cases.push(Case { name, base, damage, expected, is_known: false });
    };
    for (base, ending, cut, flipped) in [
        // SQLite drops a damaged commit of the log, and all behind it, without a word: the guard alone shows it.
        (Base::Killed, "-wal", ANY_LOSS, ANY_LOSS),
        (Base::Stopped, "", ANY_FLIP, ANY_FLIP),
        (Base::Killed, ".guard", &[Recovers, RefusesToSign], &[Recovers]),
    ] {
        let copies = if base == Base::Killed { &bases.killed } else { &bases.stopped };
        let whole = length(&ledger_file(&copies.data(VICTIM), ending));
        // The last commits, then further and further towards the beginning.
        let places = (0..positions).map(|place| whole - 1 - (whole - 1) * place * place / (positions * positions));
        for at in places {
            // The very end may belong to a commit that the kill interrupted, of which nobody was told.
            let is_last = base == Base::Killed && ending == "-wal" && whole - at < LAST_COMMIT_BYTES;
            let (cut, flipped) = if is_last { (ANY_FLIP, ANY_FLIP) } else { (cut, flipped) };
            let damage = move |data: &Path| truncate(&ledger_file(data, ending), at);
            add(format!("ledger.sqlite{ending} cut at {at} of {whole}"), base, cut, Box::new(damage));
            let damage = move |data: &Path| flip(&ledger_file(data, ending), at);
            add(format!("ledger.sqlite{ending} flipped at {at} of {whole}"), base, flipped, Box::new(damage));
        }
    }
    let earlier = bases.earlier.clone();
    let put = move |endings: &'static [&'static str]| {
        let earlier = earlier.clone();
        Box::new(move |data: &Path| {
            for ending in endings {
                fs::copy(ledger_file(&earlier, ending), ledger_file(data, ending)).unwrap();
            }
        })
    };
    let remove = |endings: &'static [&'static str]| {
        Box::new(move |data: &Path| endings.iter().for_each(|ending| remove_file(&ledger_file(data, ending)).unwrap()))
    };
    let killed = Base::Killed;
    add("an earlier ledger put back".to_owned(), killed, &[RefusesToSign], put(&["", "-wal"]));
    add("an earlier -wal put back".to_owned(), killed, ANY_LOSS, put(&["-wal"]));
    add("an earlier guard put back".to_owned(), killed, &[Recovers], put(&[".guard"]));
    add("an earlier ledger beside a stopped guard".to_owned(), Base::Stopped, &[RefusesToSign], put(&["", "-wal"]));
    add("no -wal".to_owned(), killed, ANY_LOSS, remove(&["-wal"]));
    add("no guard".to_owned(), killed, &[RefusesToSign], remove(&[".guard"]));
    add("no guard, stopped".to_owned(), Base::Stopped, &[RefusesToSign], remove(&[".guard"]));
    add("neither -wal nor guard".to_owned(), killed, ANY_LOSS, remove(&["-wal", ".guard"]));
    add("no database".to_owned(), killed, &[RefusesToStart], remove(&[""]));
    add("neither database nor -wal".to_owned(), killed, &[RefusesToStart], remove(&["", "-wal"]));
    add(
        "an empty database".to_owned(),
        killed,
        &[RefusesToStart],
        Box::new(|data| truncate(&ledger_file(data, ""), 0)),
    );
    let zeros = |data: &Path| fs::write(ledger_file(data, ".guard"), [0; 8192]).unwrap();
    add("a guard of zeros".to_owned(), killed, &[RefusesToSign], Box::new(zeros));
    // Ledger and guard together: only the other house can tell.
    let all: [(&str, Damage); 2] = [
        ("an earlier ledger with its guard put back", put(&["", "-wal", ".guard"])),
        ("nothing left of ledger and guard", remove(&["", "-wal", ".guard"])),
    ];
    for (name, damage) in all {
        let name = format!("{name}, the other house up");
        cases.push(Case { name, base: killed, damage, expected: &[RefusesToSign], is_known: true });
    }
    cases
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Lets a node meet a fault, and holds everything that it does then against what it acknowledged and signed before.
async fn meet(houses: &mut Houses, bases: &Bases, case: &Case) -> Class {
    Leg::BOTH.iter().for_each(|leg| houses.kill(*leg));
    let copies = if case.base == Base::Killed { &bases.killed } else { &bases.stopped };
    copies.put_back(houses);
    let keeper = bases.keeper.of_copy(houses);
    if case.is_known {
        houses.start_both().await;
        for leg in Leg::BOTH {
            until_connected(&keeper, leg).await;
        }
        houses.kill(VICTIM);
    }
    let data = houses.data(VICTIM);
    (case.damage)(&data);
    let before = content(&data);
    let told_before = houses.log_text(VICTIM).len();
    if !starts(houses).await {
        assert_eq!(content(&data), before, "{}: a node that does not start changes no file", case.name);
        assert_report(&houses.log_text(VICTIM)[told_before..], case);
        return Class::RefusesToStart;
    }
    if !case.is_known {
        houses.start(OTHER).await;
    }
    until_connected(&keeper, VICTIM).await;
    let status = keeper.status(VICTIM).await;
    if !status.can_sign {
        assert_report(&status.explanation, case);
        signs_nothing(houses, &keeper, case).await;
        if case.is_known {
            refuses_alone(houses, &keeper, case).await;
        } else {
            assert_eq!(content(&data), before, "{}: a ledger that its guard holds is left as it is", case.name);
        }
        // A house that gets back what it lost is then held to the same as one that recovers by itself, below.
        return Class::RefusesToSign;
    }
    keeper.confirm(VICTIM, usize::MAX, &case.name).await;
    if !goes_on(houses, &keeper, case).await {
        assert_report(&houses.log_text(VICTIM)[told_before..], case);
        return Class::StopsAtCommit;
    }
    let report = verify(houses, VICTIM);
    if report["is_sound"] == true {
        assert_one_story(houses, &[], &case.name);
        return Class::Recovers;
    }
    let problems = report["ledgers"][0]["problems"].as_array().cloned().unwrap_or_default();
    assert!(!problems.is_empty(), "{}: this ledger is sound, and yet {report:#}", case.name);
    Class::FoundByVerification
}

/// Starts the victim; false where it ends instead of serving.
async fn starts(houses: &mut Houses) -> bool {
    let mut command = std::process::Command::new(BINARY);
    command.args(["node", "--config"]).arg(houses.config(VICTIM));
    houses.spawn_as(VICTIM, command);
    let begin = Instant::now();
    loop {
        if let Some(status) = houses.ended(VICTIM) {
            assert_eq!(status.code(), Some(1), "{}", houses.log_text(VICTIM));
            return false;
        }
        if houses.clients(VICTIM).is_serving().await {
            return true;
        }
        assert!(begin.elapsed() < PATIENCE, "{}", houses.log_text(VICTIM));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_connected(keeper: &Keeper, leg: Leg) {
    let begin = Instant::now();
    while !keeper.status(leg).await.is_peer_connected {
        assert!(begin.elapsed() < PATIENCE, "{} does not reach the other house", NAMES[leg]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A report names the record or the file, and the next command.
fn assert_report(report: &str, case: &Case) {
    let names = ["ledger.sqlite", "record "];
    assert!(names.iter().any(|name| report.contains(name)), "{}: neither file nor record: {report}", case.name);
    let commands = ["crossmargin ledger verify", "crossmargin ledger recover"];
    assert!(commands.iter().any(|command| report.contains(command)), "{}: no next command: {report}", case.name);
    let guides = ["docs/ledger.md", "docs/disaster.md"];
    assert!(
        guides.iter().any(|guide| report.contains(guide)),
        "{}: not where the way back is told: {report}",
        case.name
    );
}

/// Digests of the ledger's files: an empty write-ahead log is as good as none.
fn content(data: &Path) -> [Option<Digest>; 3] {
    let read = |ending| fs::read(ledger_file(data, ending)).ok().filter(|bytes| !bytes.is_empty());
    ["", "-wal", ".guard"].map(|ending| read(ending).map(|bytes| Digest::of(&bytes)))
}

/// What the other house holds of the victim's word.
fn held_by_other(houses: &Houses) -> BTreeSet<Vec<u8>> {
    let held = envelopes(&houses.data(OTHER)).into_iter().filter(|envelope| envelope.house == NAMES[VICTIM]);
    held.map(|envelope| envelope.payload.to_vec()).collect()
}

/// A node that refuses to sign says so to everybody, goes on answering, and gives the other house no word.
async fn signs_nothing(houses: &mut Houses, keeper: &Keeper, case: &Case) {
    let before = held_by_other(houses);
    let itd = cycle(v1::CycleKind::Itd, 3);
    let asked = [
        Request::open(&itd, 600),
        Request::account("REG-4003"),
        Request::Market { id: "market-3".to_owned() },
        Request::CutOff { cycle: cycle(v1::CycleKind::Itd, 2) },
    ];
    for request in asked {
        let refused = keeper.ask(VICTIM, &request).await;
        let refused = refused.expect_err(&format!("{}: {request:?} was acknowledged", case.name));
        // A cycle that was lost with the tail is not known.
        let is_right = refused.code() == Code::FailedPrecondition
            || (refused.code() == Code::NotFound && matches!(request, Request::CutOff { .. }));
        assert!(is_right, "{}: {request:?}: {refused:?}", case.name);
    }
    // A book is nothing that is signed; where it cannot be recorded, that is said too.
    if let Err(refused) = keeper.ask(VICTIM, &Request::book(9)).await {
        assert!(
            matches!(refused.code(), Code::FailedPrecondition | Code::InvalidArgument),
            "{}: {refused:?}",
            case.name
        );
    }
    keeper.until_kept(OTHER, &Request::open(&itd, 600)).await;
    keeper.until_kept(OTHER, &Request::book(3)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let status = houses.ended(VICTIM);
    assert!(status.is_none(), "{}: the node ended with {status:?}:\n{}", case.name, houses.log_text(VICTIM));
    assert!(!keeper.status(VICTIM).await.can_sign, "{}", case.name);
    assert_eq!(held_by_other(houses), before, "{}: the other house holds a new word", case.name);
}

/// What the other house told is in the guard: the node refuses from its start, and that house is not there.
async fn refuses_alone(houses: &mut Houses, keeper: &Keeper, case: &Case) {
    let begin = Instant::now();
    while !keeper.status(VICTIM).await.explanation.contains("The guard holds that record now") {
        assert!(begin.elapsed() < PATIENCE, "{}: {:?}", case.name, keeper.status(VICTIM).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Leg::BOTH.iter().for_each(|leg| houses.kill(*leg));
    houses.start(VICTIM).await;
    let status = keeper.status(VICTIM).await;
    assert!(!status.can_sign && !status.is_peer_connected, "{}: {status:?}", case.name);
    assert_report(&status.explanation, case);
    let refused = keeper.ask(VICTIM, &Request::account("REG-4003")).await.map(drop).expect_err(&case.name);
    assert_eq!(refused.code(), Code::FailedPrecondition, "{}: {refused:?}", case.name);
}

/// An amendment and a new cycle after the fault; false where the victim stops instead, which acknowledges nothing.
async fn goes_on(houses: &mut Houses, keeper: &Keeper, case: &Case) -> bool {
    let itd = cycle(v1::CycleKind::Itd, 3);
    for request in [Request::book(3), Request::open(&itd, 600)] {
        keeper.until_kept(OTHER, &request).await;
        let begin = Instant::now();
        while let Err(status) = keeper.ask(VICTIM, &request).await {
            assert!(is_passing(&status), "{}: {request:?} was refused: {status:?}", case.name);
            if houses.ended(VICTIM).is_some() {
                return false;
            }
            assert!(begin.elapsed() < PATIENCE, "{}: {request:?}: {status:?}", case.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let begin = Instant::now();
    for leg in Leg::BOTH {
        while keeper.clients(leg).cycle(&itd).await.is_none_or(|cycle| cycle.agreed_round == 0) {
            if houses.ended(VICTIM).is_some() {
                return false;
            }
            assert!(begin.elapsed() < PATIENCE, "{}: {} does not agree", case.name, NAMES[leg]);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    true
}
