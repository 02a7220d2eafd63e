//! A process that writes, killed with -9: what it was told is durable is there afterwards.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use super::common::{EPOCH, Files, party, record, signer, verifier};
use crate::ledger::{Ledger, LedgerOptions, Sequence, SqliteLedger};

const PATH_VARIABLE: &str = "CROSSMARGIN_TEST_LEDGER";

#[test]
fn what_a_killed_process_was_told_is_durable_is_there_afterwards() {
    let files = Files::new();
    for kill_after in [1, 2, 3, 10, 25, 60, 100] {
        let mut writer = Command::new(env::current_exe().unwrap())
            .args(["ledger::tests::kill::writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
            .env(PATH_VARIABLE, files.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(writer.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("durable ")?.parse::<u64>().ok())
            .nth(kill_after)
            .unwrap();
        writer.kill().unwrap();
        writer.wait().unwrap();

        assert!(files.verify().is_sound());
        let ledger = files.open();
        assert!(ledger.standing().is_writable());
        assert!(ledger.head().head.seq >= Sequence(told));
        let records = ledger.read_from_blocking(Sequence(1), usize::MAX).unwrap();
        assert_eq!(records.len() as u64, ledger.head().head.seq.0);
        for record in records {
            assert_eq!(record.body, record.seq.to_string().into_bytes());
        }
    }
}

#[test]
#[ignore = "the process that the test above starts and kills"]
fn writes_until_it_is_killed() {
    let Ok(path) = env::var(PATH_VARIABLE) else { return };
    let ledger = SqliteLedger::open(LedgerOptions::new(path, party(), signer(), verifier())).unwrap();
    let mut next = ledger.head().head.seq.next();
    loop {
        let tickets: Vec<_> = (0..5)
            .map(|_| {
                let ticket = ledger.append(next, EPOCH, vec![record(&next.to_string())]);
                next = next.next();
                ticket
            })
            .collect();
        for ticket in tickets {
            let last = ticket.wait().unwrap().last;
            let mut out = std::io::stdout().lock();
            // A closed pipe is the parent that has read enough and is about to kill.
            if writeln!(out, "durable {last}").and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    }
}
