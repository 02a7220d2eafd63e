//! A house whose other house equivocates, replays, cuts short, travels in time or makes up what it shows: the house keeps
//! the evidence, raises an alarm, charges stand-alone, goes on serving its own clients, and agrees again once it is told
//! the truth.
#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

#[path = "hostile_peer/lying.rs"]
mod lying;
#[path = "support/mod.rs"]
mod support;

use std::{
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossmargin::v1::{self, FallBackCause};
use gateway::{
    arrangement::{digest::Digest, evidence::Evidence, leg::Leg},
    csv_book, sample,
};
use jiff::SignedDuration;
use prost::bytes::Bytes;
use tonic::Status;

use lying::{HONEST, LIAR, Lie, Mouth, Signer, Truth};
use support::{Houses, NAMES, PATIENCE, books::cycle};

const BINARY: &str = env!("CARGO_BIN_EXE_crossmargin");

/// A lie, and what the honest house must make of it.
struct Case {
    name: &'static str,
    lie: Arc<dyn Lie>,
    /// Where it shows at the honest house that the lie has come.
    sign: Sign,
    /// Why the cycle falls back at the honest house; `Unspecified` where the lie changes nothing and the cycle is agreed.
    cause: FallBackCause,
    /// How many more contradictions are on record.
    contradictions: u64,
}

/// Where a lie shows.
#[derive(Clone, Copy)]
enum Sign {
    /// In a line of the log.
    Log(&'static str),
    /// In what the cycle says to an operator.
    Note(&'static str),
    /// Nowhere until the end.
    Nowhere,
}

impl Case {
    fn new(name: &'static str, lie: impl Lie + 'static, sign: Sign, cause: FallBackCause) -> Self {
        Self { name, lie: Arc::new(lie), sign, cause, contradictions: 0 }
    }

    /// The honest house keeps both words.
    fn on_record(self) -> Self {
        Self { contradictions: 1, ..self }
    }
}

const CONTRADICTS: Sign = Sign::Log("ALARM: the other house contradicts what it signed");
const TAMPERED: Sign = Sign::Log("ALARM: tampered content");
const UNTRUE: Sign = Sign::Log("ALARM: the other house's claim does not stand up");

fn equivocation() -> Vec<Case> {
    use FallBackCause::PeerEquivocated;
    vec![
        Case::new("two claims for one round", Twice(another_claim), CONTRADICTS, PeerEquivocated).on_record(),
        Case::new("two manifests of one revision", Twice(another_manifest), CONTRADICTS, PeerEquivocated).on_record(),
        Case::new("two statements for one round", Twice(another_statement), CONTRADICTS, PeerEquivocated).on_record(),
        // The agreement stands on the first word, which both houses signed; nothing more is signed in the cycle.
        Case::new(
            "another statement after the agreement",
            Afterwards::default(),
            CONTRADICTS,
            FallBackCause::Unspecified,
        )
        .on_record(),
    ]
}

fn made_up_content() -> Vec<Case> {
    use FallBackCause::PeerInputsMissing;
    let incomplete = Sign::Note("ended before content");
    vec![
        Case::new("content that ends too early", Content(without_the_last), incomplete, PeerInputsMissing),
        Case::new("no content at all", Content(|_| Vec::new()), incomplete, PeerInputsMissing),
        Case::new("a changed byte of content", Content(with_a_changed_byte), TAMPERED, PeerInputsMissing),
        Case::new("content that nobody asked for", Content(of_another_digest), TAMPERED, PeerInputsMissing),
        Case::new("a piece out of its place", Content(out_of_place), TAMPERED, PeerInputsMissing),
        Case::new("content without end", Content(without_end), TAMPERED, PeerInputsMissing),
    ]
}

fn made_up_trees() -> Vec<Case> {
    use FallBackCause::RoundDeclined;
    let with_nodes = |nodes| ClaimAndNodes { shown: Mutex::default(), nodes };
    vec![
        Case::new("a claim over another tree", with_nodes(|nodes| nodes), UNTRUE, RoundDeclined),
        Case::new("a tree without nodes", with_nodes(|_| Vec::new()), UNTRUE, RoundDeclined),
        Case::new("a tree of empty nodes", with_nodes(emptied), UNTRUE, RoundDeclined),
    ]
}

fn time_travel() -> Vec<Case> {
    let too_far = Sign::Log("ALARM: the other house froze its book too far from this house's instant");
    vec![
        Case::new("a book frozen in an hour", FrozenAt(3_600), too_far, FallBackCause::PeerInputsMissing),
        Case::new("a book frozen an hour ago", FrozenAt(-3_600), too_far, FallBackCause::PeerInputsMissing),
        Case::new("a statement kept back", KeptBack, Sign::Nowhere, FallBackCause::NoPeerStatement),
        Case::new("an outcome without statements", Silent, Sign::Nowhere, FallBackCause::NoPeerClaim),
    ]
}

fn replay() -> Vec<Case> {
    use FallBackCause::Unspecified;
    vec![
        Case::new("all that was ever said, again and again", Parrot::default(), Sign::Nowhere, Unspecified),
        Case::new("receipts that are none", Receipts(|_| Vec::new()), Sign::Log("receipts came for"), Unspecified),
        Case::new(
            "receipts that accuse",
            Receipts(accusing),
            Sign::Log("ALARM: the other house says that this house contradicts itself"),
            Unspecified,
        ),
    ]
}

#[tokio::test]
async fn a_house_that_equivocates_is_put_on_record_and_nothing_more_is_signed_with_it() {
    run(equivocation()).await;
}

#[tokio::test]
async fn content_that_is_not_what_was_signed_never_counts() {
    run(made_up_content()).await;
}

#[tokio::test]
async fn a_tree_that_is_not_the_claimed_one_gets_no_statement() {
    run(made_up_trees()).await;
}

#[tokio::test]
async fn words_from_another_time_change_no_charge() {
    run(time_travel()).await;
}

#[tokio::test]
async fn words_said_again_and_false_receipts_change_nothing() {
    run(replay()).await;
}

#[tokio::test]
async fn a_head_that_cannot_be_checked_holds_up_what_binds_and_is_shown_until_one_can_be_checked() {
    let (mut houses, mouth) = lying::houses(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    for (run, lie, words) in [
        (1, MadeUpHead(|head| head.key_id = "00".repeat(16)), "statement_key.former"),
        (2, MadeUpHead(|head| head.sequence += 1_000), "not the key's own"),
    ] {
        // From its start on the house hears of no head that it can check.
        mouth.tell(Arc::new(lie));
        houses.kill(HONEST);
        houses.start(HONEST).await;
        let clients = houses.clients(HONEST);
        let status =
            async || clients.operations().get_node_status(v1::GetNodeStatusRequest {}).await.unwrap().into_inner();
        wait_until(words, async || status().await.unchecked_head.is_some()).await;
        let unchecked = status().await.unchecked_head.unwrap();
        assert!(unchecked.sequence > 0 && unchecked.reason.contains(words), "{unchecked:?}");
        assert!(status().await.can_sign, "{:?}", status().await);
        let explanation = status().await.explanation;
        let named = format!("CME names record {} of this house's ledger", unchecked.sequence);
        assert!(explanation.contains(&named), "{explanation}");
        let shown = shown_status(&houses, &[]);
        let line = format!("unchecked head  record {} by CME: {}", unchecked.sequence, unchecked.reason);
        assert!(shown.contains("FICC signs;") && shown.contains(&line), "{shown}");
        let json: serde_json::Value = serde_json::from_str(&shown_status(&houses, &["--json"])).unwrap();
        assert_eq!(
            (&json["unchecked_head"]["sequence"], &json["can_sign"]),
            (&unchecked.sequence.into(), &true.into())
        );
        assert_eq!(json["unchecked_head"]["reason"], unchecked.reason.as_str());

        // What binds nobody goes on at this house; a claim is not signed, and nothing leaves it.
        let itd = cycle(v1::CycleKind::Itd, run);
        for leg in Leg::BOTH {
            houses.clients(leg).open(&itd, 120).await;
        }
        let both = |cycle: &v1::Cycle| cycle.own_manifest_revision > 0 && cycle.peer_manifest_revision > 0;
        clients.wait(&itd, "both books frozen", both).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(clients.cycle(&itd).await.unwrap().round, 0, "{words}");
        assert_eq!(houses.clients(LIAR).cycle(&itd).await.unwrap().peer_manifest_revision, 0, "{words}");
        assert!(status().await.undelivered_count > 0, "{words}: {:?}", status().await);

        mouth.tell(Arc::new(Truth));
        wait_until(words, async || status().await.unchecked_head.is_none()).await;
        assert!(!shown_status(&houses, &[]).contains("unchecked head"), "{words}");
        for leg in Leg::BOTH {
            houses.clients(leg).wait_agreed(&itd, 1).await;
        }
    }
    verify(&houses, HONEST);
}

/// What `crossmargin status` shows of the honest house.
fn shown_status(houses: &Houses, args: &[&str]) -> String {
    let mut command = Command::new(BINARY);
    command.arg("status").args(args).args(["--house", NAMES[HONEST]]);
    command.args(["--node", &format!("127.0.0.1:{}", houses.port(HONEST))]);
    let output = command.arg("--pki").arg(houses.directory().join("pki")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn wait_until(what: &str, is_it: impl AsyncFn() -> bool) {
    let come = async {
        while !is_it().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, come).await.is_ok(), "it did not come: {what}");
}

async fn run(cases: Vec<Case>) {
    let (houses, mouth) = lying::houses(BINARY).await;
    for leg in Leg::BOTH {
        houses.clients(leg).submit_sample(leg).await;
    }
    let mut contradictions = 0;
    let mut version = 2;
    for (case, run) in cases.iter().zip((1..).step_by(2)) {
        contradictions += case.contradictions;
        lied_to(&houses, &mouth, case, run, version, contradictions).await;
        // Told the truth, the houses agree again.
        mouth.tell(Arc::new(Truth));
        let itd = cycle(v1::CycleKind::Itd, run + 1);
        amend(&houses, version + 1).await;
        version += 2;
        for leg in Leg::BOTH {
            houses.clients(leg).open(&itd, 120).await;
        }
        for leg in Leg::BOTH {
            houses.clients(leg).wait(&itd, case.name, |cycle| cycle.agreed_round > 0).await;
        }
        for leg in Leg::BOTH {
            let cut_off = v1::CutOffCycleRequest { cycle: Some(itd.clone()) };
            houses.clients(leg).operations().cut_off_cycle(cut_off).await.unwrap();
        }
    }
    verify(&houses, HONEST);
}

async fn lied_to(houses: &Houses, mouth: &Mouth, case: &Case, run: u32, version: u64, contradictions: u64) {
    let (name, clients) = (case.name, houses.clients(HONEST));
    let itd = cycle(v1::CycleKind::Itd, run);
    let before = houses.log_text(HONEST).len();
    mouth.tell(Arc::clone(&case.lie));
    amend(houses, version).await;
    for leg in Leg::BOTH {
        houses.clients(leg).open(&itd, 120).await;
    }
    match case.sign {
        Sign::Log(line) => wait_for_line(houses, name, before, line).await,
        Sign::Note(note) => drop(clients.wait(&itd, name, |cycle| cycle.explanation.contains(note)).await),
        Sign::Nowhere => {}
    }
    // The house goes on answering its own, whatever it is told by the other.
    if case.cause == FallBackCause::Unspecified {
        clients.wait(&itd, name, |cycle| cycle.agreed_round > 0).await;
    } else {
        clients.wait(&itd, name, |cycle| cycle.own_manifest_revision > 0).await;
        if case.cause == FallBackCause::NoPeerStatement || case.cause == FallBackCause::NoPeerClaim {
            clients.wait(&itd, name, |cycle| cycle.round > 0).await;
        }
    }
    if case.cause == FallBackCause::NoPeerStatement {
        clients.wait(&itd, name, |cycle| cycle.phase() == v1::CyclePhase::Stated).await;
    }
    let cut_off = v1::CutOffCycleRequest { cycle: Some(itd.clone()) };
    clients.operations().cut_off_cycle(cut_off).await.unwrap();
    let ended = clients.cycle(&itd).await.unwrap();
    assert_eq!(ended.fall_back_cause(), case.cause, "{name}: {ended:?}");
    let status = clients.operations().get_node_status(v1::GetNodeStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.contradiction_count, contradictions, "{name}");
    let requirements = clients.requirements(&itd, 0).await;
    assert!(!requirements.is_empty(), "{name}");
    if case.cause != FallBackCause::Unspecified {
        let is_reduced = |found: &v1::Requirement| found.applied_factor_bp > 0;
        assert!(!requirements.iter().any(is_reduced), "{name}: charged reduced");
    }
    // The other house may hold the cycle to be something else; it is over there too.
    let cut_off = v1::CutOffCycleRequest { cycle: Some(itd) };
    drop(houses.clients(LIAR).operations().cut_off_cycle(cut_off).await);
}

/// New positions of the liar's, so that there is something to fetch.
async fn amend(houses: &Houses, version: u64) {
    let (leg, csv) = sample::book::late_amendment();
    assert_eq!(leg, LIAR);
    let csv = csv.replace("-5820", &format!("-{}", 5_000 + version));
    let book = csv_book::parse(csv.as_bytes(), "amendment").unwrap();
    let (date, amendment) = (sample::BUSINESS_DATE, v1::SnapshotScope::Amendment);
    houses.clients(LIAR).submit_book(book, date, version, amendment).await.unwrap();
}

async fn wait_for_line(houses: &Houses, name: &str, from: usize, line: &str) {
    let found = async {
        while !houses.log_text(HONEST)[from..].contains(line) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    assert!(found.is_ok(), "{name}: no {line:?} in the log:\n{}", &houses.log_text(HONEST)[from..]);
}

/// What an auditor finds in the honest house's ledger, if anything, is the liar's.
fn verify(houses: &Houses, leg: Leg) {
    let output = Command::new(BINARY).args(["ledger", "verify", "--config"]).arg(houses.config(leg)).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    let problems: Vec<&str> = report.lines().filter(|line| line.contains("PROBLEM")).collect();
    assert!(report.contains("chain") && problems.iter().all(|line| line.contains("of CME")), "{report}");
    assert_eq!(output.status.success(), problems.is_empty(), "{report}");
}

/// Says that it holds another head of the honest house's ledger than its node does.
struct MadeUpHead(fn(&mut v1::LedgerHead));

impl Lie for MadeUpHead {
    fn known_head(&self, mut head: Option<v1::LedgerHead>) -> Option<v1::LedgerHead> {
        head.iter_mut().for_each(self.0);
        head
    }
}

/// Says something else first, and then each word of a kind as its node does.
struct Twice(fn(Evidence) -> Option<Evidence>);

/// States something else once both houses have stated, which its outcome shows.
#[derive(Default)]
struct Afterwards(Mutex<Option<Evidence>>);

impl Lie for Afterwards {
    fn deliver(&self, signer: &Signer, envelope: v1::SignedEnvelope) -> Vec<v1::SignedEnvelope> {
        let mut lie = self.0.lock().unwrap();
        match signer.read(&envelope) {
            evidence @ Evidence::Statement(_) => *lie = another_statement(evidence),
            Evidence::Outcome(_) => {
                return [envelope].into_iter().chain(lie.take().map(|it| signer.sign(&it))).collect();
            }
            _ => {}
        }
        vec![envelope]
    }
}

impl Lie for Twice {
    fn deliver(&self, signer: &Signer, envelope: v1::SignedEnvelope) -> Vec<v1::SignedEnvelope> {
        let first = (self.0)(signer.read(&envelope)).map(|evidence| signer.sign(&evidence));
        first.into_iter().chain([envelope]).collect()
    }
}

fn another_claim(evidence: Evidence) -> Option<Evidence> {
    let Evidence::Claim(mut claim) = evidence else { return None };
    claim.root = Digest::of(b"another tree");
    Some(Evidence::Claim(claim))
}

fn another_manifest(evidence: Evidence) -> Option<Evidence> {
    let Evidence::PositionManifest(mut manifest) = evidence else { return None };
    manifest.chunks[0].digest = Digest::of(b"other positions");
    Some(Evidence::PositionManifest(manifest))
}

fn another_statement(evidence: Evidence) -> Option<Evidence> {
    let Evidence::Statement(mut statement) = evidence else { return None };
    statement.live_count += 1;
    Some(Evidence::Statement(statement))
}

/// Shows other content than it signed.
struct Content(fn(Vec<v1::FetchBlobsResponse>) -> Vec<v1::FetchBlobsResponse>);

impl Lie for Content {
    fn content(&self, pieces: Vec<v1::FetchBlobsResponse>) -> Vec<v1::FetchBlobsResponse> {
        (self.0)(pieces)
    }
}

type Pieces = Vec<v1::FetchBlobsResponse>;

fn without_the_last(mut pieces: Pieces) -> Pieces {
    pieces.pop();
    pieces
}

fn with_a_changed_byte(mut pieces: Pieces) -> Pieces {
    for piece in &mut pieces {
        let mut data = piece.data.to_vec();
        data[0] ^= 1;
        piece.data = data.into();
    }
    pieces
}

fn of_another_digest(mut pieces: Pieces) -> Pieces {
    for piece in &mut pieces {
        piece.digest = Bytes::copy_from_slice(Digest::of(b"something else").as_bytes());
    }
    pieces
}

fn out_of_place(mut pieces: Pieces) -> Pieces {
    for piece in &mut pieces {
        piece.offset += 1;
    }
    pieces
}

/// One piece more and more, never the last: more than any content may have.
fn without_end(pieces: Pieces) -> Pieces {
    let Some(first) = pieces.into_iter().next() else { return Vec::new() };
    let data = Bytes::from(vec![7; 1 << 20]);
    let piece =
        |at: u64| v1::FetchBlobsResponse { offset: at << 20, data: data.clone(), is_last: false, ..first.clone() };
    (0..70).map(piece).collect()
}

/// Claims one tree and shows another.
struct ClaimAndNodes {
    /// The claim as it was signed for the honest house, and the claim that the liar's node knows.
    shown: Mutex<Option<(Bytes, Bytes)>>,
    nodes: fn(Vec<v1::TreeNode>) -> Vec<v1::TreeNode>,
}

impl Lie for ClaimAndNodes {
    fn deliver(&self, signer: &Signer, envelope: v1::SignedEnvelope) -> Vec<v1::SignedEnvelope> {
        let Some(claim) = another_claim(signer.read(&envelope)) else { return vec![envelope] };
        let lie = signer.sign(&claim);
        let digest = |envelope: &v1::SignedEnvelope| Bytes::copy_from_slice(Digest::of(&envelope.payload).as_bytes());
        *self.shown.lock().unwrap() = Some((digest(&lie), digest(&envelope)));
        vec![lie]
    }

    fn claim(&self, asked: Bytes) -> Bytes {
        match self.shown.lock().unwrap().as_ref() {
            Some((shown, known)) if *shown == asked => known.clone(),
            _ => asked,
        }
    }

    fn nodes(&self, nodes: Vec<v1::TreeNode>) -> Vec<v1::TreeNode> {
        (self.nodes)(nodes)
    }
}

fn emptied(nodes: Vec<v1::TreeNode>) -> Vec<v1::TreeNode> {
    nodes.into_iter().map(|node| v1::TreeNode { path: node.path, ..Default::default() }).collect()
}

/// Says that its book was frozen so many seconds after it was.
struct FrozenAt(i64);

impl Lie for FrozenAt {
    fn deliver(&self, signer: &Signer, envelope: v1::SignedEnvelope) -> Vec<v1::SignedEnvelope> {
        let Evidence::PositionManifest(mut manifest) = signer.read(&envelope) else { return vec![envelope] };
        manifest.as_of += SignedDuration::from_secs(self.0);
        vec![signer.sign(&Evidence::PositionManifest(manifest))]
    }
}

/// Gives its claim and keeps its statement.
struct KeptBack;

impl Lie for KeptBack {
    fn deliver(&self, signer: &Signer, envelope: v1::SignedEnvelope) -> Vec<v1::SignedEnvelope> {
        let is_kept = matches!(signer.read(&envelope), Evidence::Statement(_) | Evidence::Outcome(_));
        if is_kept { Vec::new() } else { vec![envelope] }
    }
}

/// Neither claims nor states, and says in the end that both houses agreed.
struct Silent;

impl Lie for Silent {
    fn deliver(&self, signer: &Signer, envelope: v1::SignedEnvelope) -> Vec<v1::SignedEnvelope> {
        let is_kept = matches!(signer.read(&envelope), Evidence::Claim(_) | Evidence::Statement(_));
        if is_kept { Vec::new() } else { vec![envelope] }
    }
}

/// Says everything that it ever said with each new word, the newest first.
#[derive(Default)]
struct Parrot {
    said: Mutex<Vec<v1::SignedEnvelope>>,
    words: AtomicU64,
}

impl Lie for Parrot {
    fn deliver(&self, _: &Signer, envelope: v1::SignedEnvelope) -> Vec<v1::SignedEnvelope> {
        self.words.fetch_add(1, Ordering::Relaxed);
        let mut said = self.said.lock().unwrap();
        said.push(envelope);
        said.iter().rev().chain(said.iter()).take(1_000).cloned().collect()
    }
}

/// Gives other receipts.
struct Receipts(fn(Vec<v1::Receipt>) -> Vec<v1::Receipt>);

impl Lie for Receipts {
    fn receipts(&self, receipts: Vec<v1::Receipt>) -> Result<Vec<v1::Receipt>, Status> {
        Ok((self.0)(receipts))
    }
}

fn accusing(receipts: Vec<v1::Receipt>) -> Vec<v1::Receipt> {
    let disposition = v1::Disposition::Contradiction.into();
    receipts.into_iter().map(|receipt| v1::Receipt { disposition, ..receipt }).collect()
}
