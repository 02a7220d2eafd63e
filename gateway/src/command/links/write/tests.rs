use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    action: WriteAction,
}

fn parse(line: &str) -> Result<v1::ProgrammeChange, String> {
    let words = ["x"].into_iter().chain(line.split_whitespace()).chain(["--house", "A"]);
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    let (batch, _) = cli.action.batch().map_err(|failure| failure.to_string())?;
    Ok(batch.changes.into_iter().next().unwrap())
}

#[test]
fn a_document_is_recorded_for_all_its_links_by_its_digest() {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let line = format!("document L1 L2 --kind customer-agreement --digest {digest} --dated 2026-02-20");
    let Some(Change::Document(record)) = parse(&line).unwrap().change else { panic!("no document") };
    assert_eq!((record.link_ids, hex::encode(&record.digest)), (vec!["L1".into(), "L2".into()], digest.to_owned()));
    assert_eq!((record.dated.as_str(), record.member.as_str()), ("2026-02-20", ""));
    let Some(Change::Document(record)) = parse(&format!("{line} --member BD2")).unwrap().change else { panic!() };
    assert_eq!(record.member, "BD2");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agreement.txt");
    std::fs::write(&file, "abc").unwrap();
    let line = format!("document L1 --kind customer-agreement --file {} --dated 2026-02-20", file.display());
    let Some(Change::Document(of_file)) = parse(&line).unwrap().change else { panic!("no document") };
    assert_eq!(of_file.digest, record.digest);
}

#[test]
fn a_stage_and_a_move_carry_their_reason() {
    let stage = parse("stage L1 L2 --to closing --reason asked").unwrap();
    assert_eq!(stage.reason, "asked");
    let Some(Change::Stage(change)) = stage.change else { panic!("no stage") };
    assert_eq!((change.to(), change.link_ids.len()), (v1::LinkStage::Closing, 2));

    let moved = parse("move L1 --to BD2 --from 2026-06-01 --reason asked").unwrap();
    let port = v1::Port { link_id: "L1".into(), to_member: "BD2".into(), effective_from: "2026-06-01".into() };
    assert_eq!((moved.reason.as_str(), moved.change), ("asked", Some(Change::Port(port))));
}

#[test]
fn what_a_command_line_lacks_is_told_before_the_node_is_called() {
    for (line, part) in [
        ("document L1 --kind customer-agreement --dated 2026-02-20", "--file"),
        ("document --kind customer-agreement --digest ab --dated 2026-02-20", "64 lower-case"),
        ("document L1 --kind letter --file a --dated 2026-02-20", "subordination-agreement"),
        ("document L1 --kind house-agreement --file nowhere.pdf --dated 2026-02-20", "nowhere.pdf"),
        ("stage --to live --reason asked", "<LINK>"),
        ("stage L1 --to suspended --reason asked", "rehearsing, live, closing, closed"),
        ("stage L1 --to live", "--reason"),
        ("stage L/1 --to live --reason asked", "not a name of a link"),
        ("move L1 --to BD2 --reason asked", "--from"),
        ("record", "--csv"),
    ] {
        let told = parse(line).unwrap_err();
        assert!(told.contains(part), "{line}: {told}");
    }
}
