//! CSV files: books, lists of links, histories.

use gateway::{arrangement::leg::Leg, command::links, csv_book, sample};
use risk::history::{CsvFile, CurveHistory, OvernightHistory};

use super::{
    Verdict,
    fixture::{names_its_place, numbered},
};

/// A book: what is read is written to a file that reads back to an equal book, and fits the wire.
pub fn book(data: &[u8]) -> Verdict {
    match csv_book::parse(data, "book.csv") {
        Ok(book) => {
            let again = csv_book::parse(book.to_string().as_bytes(), "book.csv").unwrap();
            // Positions come first in the file that is written, so that accounts can appear in another order.
            let positions = |book: &csv_book::Book| -> Vec<(String, String, i64)> {
                book.positions().map(|(a, i, q)| (a.to_owned(), i.to_string(), q)).collect()
            };
            let repos = |book: &csv_book::Book| -> Vec<String> {
                book.repos().map(|(a, r)| format!("{a} {} {} {:?}", r.collateral, r.face, r.legs)).collect()
            };
            assert_eq!((positions(&again), repos(&again)), (positions(&book), repos(&book)));
            let _ = book.into_wire(3);
            Verdict::Accepted
        }
        Err(problems) => {
            names_its_place(&problems.to_string());
            Verdict::Refused
        }
    }
}

/// The head of both of the sample's books, and one with a repo and a remark.
pub fn books() -> Vec<(String, Vec<u8>)> {
    let heads =
        Leg::BOTH.map(|leg| sample::book::csv(leg).lines().take(30).map(|line| line.to_owned() + "\n").collect());
    let by_hand = format!(
        "# a book by hand\n{}\nA-1,UST:91282CKJ9,5000000,,,,\nA-1,FUT:ZN:2026-03,-46,,,,\nA-2,USD:2026-02-17,-4900000,,,,\n\
         A-2,REPO:91282CKJ9,1000000,2026-02-12,990000.00,2026-02-20,990500.25\n",
        csv_book::HEADER
    );
    numbered(heads.into_iter().chain([by_hand]).map(String::into_bytes))
}

/// A list of links: what is read is written to a file that reads back the same.
pub fn links(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    match links::from_csv(text, "links.csv") {
        Ok(read) => {
            assert_eq!(links::from_csv(&links::to_csv(&read), "links.csv").unwrap(), read);
            Verdict::Accepted
        }
        Err(failure) => {
            names_its_place(&failure.to_string());
            Verdict::Refused
        }
    }
}

/// The sample's links.
pub fn lists_of_links() -> Vec<(String, Vec<u8>)> {
    let links = sample::book::links();
    numbered([links::to_csv(&links), links::to_csv(&links[..2])].map(String::into_bytes))
}

/// Both kinds of history, of the whole text: days ascend, and every refusal names file and line.
pub fn history(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    let files = [CsvFile { label: "history.csv", text }];
    let curves = CurveHistory::from_csv(&files).map(|history| {
        let days: Vec<_> = history.days().iter().map(|day| day.date).collect();
        assert!(days.is_sorted_by(|one, next| one < next));
    });
    let rates = OvernightHistory::from_csv(&files, &["sofr", "effr"]).map(|history| {
        let days: Vec<_> = history.days().iter().map(|day| day.date).collect();
        assert!(days.is_sorted_by(|one, next| one < next));
    });
    for problems in [&curves, &rates].into_iter().filter_map(|read| read.as_ref().err()) {
        assert!(!problems.0.is_empty() && problems.0.iter().all(|problem| !problem.to_string().is_empty()));
    }
    if curves.is_ok() || rates.is_ok() { Verdict::Accepted } else { Verdict::Refused }
}

/// Curves in both forms, and overnight rates.
pub fn histories() -> Vec<(String, Vec<u8>)> {
    let curves = "date,1M,3M,6M,1Y,2Y,3Y,5Y,7Y,10Y,20Y,30Y\n\
                  2026-02-12,3.70,3.68,3.60,3.45,3.47,3.52,3.68,3.88,4.10,4.68,4.74\n\
                  # a remark\n\
                  2026-02-13,3.71,3.69,3.61,3.46,3.48,3.53,3.69,3.89,4.11,4.69,4.75\n";
    let published = "Date,\"1 Mo\",\"1.5 Month\",\"2 Mo\",\"3 Mo\",\"6 Mo\",\"1 Yr\",\"2 Yr\",\"10 Yr\",\"30 Yr\"\n\
                     02/13/2026,3.71,3.70,3.70,3.69,3.61,3.46,3.48,4.11,4.75\n\
                     02/12/2026,3.70,,3.69,3.68,3.60,3.45,3.47,4.10,4.74\n";
    let rates = "date,sofr,effr\n2018-04-02,,1.68\n2026-02-12,3.65,3.64\n2026-02-13,3.66,\n";
    numbered([curves, published, rates].map(|text| text.as_bytes().to_vec()))
}
