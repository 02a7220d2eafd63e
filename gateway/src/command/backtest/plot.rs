//! A backtest as a picture: margins against results, as SVG text.

use std::{fmt::Write as _, fs, path::Path};

use jiff::civil::Date;
use risk::{backtest::DailyRecord, money::Usd};

use crate::command::{failure::Failure, output::grouped};

/// A picture of a backtest, readable at its size of 900 by 420. The same days give the same bytes.
pub(in crate::command) struct Plot<'a> {
    /// The heading.
    pub(in crate::command) title: String,
    /// A line below it.
    pub(in crate::command) subtitle: String,
    /// The days, ascending.
    pub(in crate::command) records: &'a [DailyRecord],
}

/// Writes pictures to a file as one SVG document, one below the other.
///
/// # Errors
/// When the file cannot be written.
pub(in crate::command) fn write(path: &Path, plots: &[Plot<'_>]) -> Result<(), Failure> {
    fs::write(path, document(plots)).map_err(|error| Failure::of(&format!("--plot {}", path.display()), &error))
}

fn document(plots: &[Plot<'_>]) -> String {
    let height = HEIGHT * plots.len() as f64;
    let titles = plots.iter().map(|plot| escaped(&plot.title)).collect::<Vec<_>>().join("; ");
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{titles}</title>\n<style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
    );
    for (place, plot) in plots.iter().enumerate() {
        match place {
            0 => plot.draw(&mut svg),
            _ => {
                let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", HEIGHT * place as f64);
                plot.draw(&mut svg);
                svg.push_str("</g>\n");
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 420.0;
/// Where texts begin.
const EDGE: f64 = 16.0;
/// The area of the drawing.
const LEFT: f64 = 92.0;
const RIGHT: f64 = 884.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 382.0;

/// The narrowest bar that is seen, for backtests of many days, and the widest.
const BAR_MIN: f64 = 0.8;
const BAR_MAX: f64 = 24.0;
/// Lines across, at most.
const AMOUNT_TICKS_MAX: i128 = 7;
/// Dates below, at most.
const DATE_TICKS_MAX: usize = 10;

const STYLE: &str = "text{font-family:Helvetica,Arial,'DejaVu Sans',sans-serif;font-size:12px;fill:#374151}\
.title{font-size:15px;font-weight:bold;fill:#111827}.right{text-anchor:end}.middle{text-anchor:middle}\
.grid{stroke:#e5e7eb}.zero{stroke:#6b7280}.result{fill:#8fb0d0}.breach{fill:#c81e1e}\
.margin{fill:none;stroke:#1f2937;stroke-width:1.5}";

/// From days and amounts to the picture.
struct Scale {
    days: usize,
    low: i128,
    high: i128,
    step: i128,
}

impl Plot<'_> {
    fn draw(&self, svg: &mut String) {
        let scale = Scale::of(self.records);
        text(svg, EDGE, 26.0, "title", &self.title);
        text(svg, EDGE, 46.0, "", &self.subtitle);
        legend(svg);
        self.amounts(svg, &scale);
        self.dates(svg, &scale);
        self.results(svg, &scale);
        self.margins(svg, &scale);
    }

    /// Lines across with their amounts.
    fn amounts(&self, svg: &mut String, scale: &Scale) {
        let mut amount = scale.low;
        while amount <= scale.high {
            let y = scale.y(amount);
            let class = if amount == 0 { "zero" } else { "grid" };
            let _ = writeln!(svg, "<path class=\"{class}\" d=\"M{LEFT} {y:.2}H{RIGHT}\"/>");
            text(svg, LEFT - 8.0, y + 4.0, "right", &dollars(amount));
            amount += scale.step;
        }
        text(svg, EDGE, TOP - 16.0, "", "USD");
    }

    /// Dates below, at the first days of months or years.
    fn dates(&self, svg: &mut String, scale: &Scale) {
        for (day, label) in date_ticks(self.records) {
            let x = scale.x(day);
            let _ = writeln!(svg, "<path class=\"zero\" d=\"M{x:.2} {BOTTOM}v5\"/>");
            text(svg, x, BOTTOM + 20.0, "middle", &label);
        }
        let _ = writeln!(svg, "<path class=\"zero\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\"/>");
    }

    /// A bar for each day's result; a breach is red and has a dot at its end.
    fn results(&self, svg: &mut String, scale: &Scale) {
        let width = (scale.slot() * 0.7).clamp(BAR_MIN, BAR_MAX);
        let zero = scale.y(0);
        for (day, record) in self.records.iter().enumerate() {
            let (x, y) = (scale.x(day), scale.y(record.realised.units()));
            let (top, height) = if y < zero { (y, zero - y) } else { (zero, y - zero) };
            let class = if record.is_breach() { "breach" } else { "result" };
            let left = x - width / 2.0;
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{left:.2}\" y=\"{top:.2}\" width=\"{width:.2}\" height=\"{height:.2}\"/>"
            );
            if record.is_breach() {
                let _ = writeln!(svg, "<circle class=\"breach\" cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"3.5\"/>");
            }
        }
    }

    /// The margin as a line of steps on the side of losses.
    fn margins(&self, svg: &mut String, scale: &Scale) {
        let mut path = String::new();
        for (day, record) in self.records.iter().enumerate() {
            let (x, y) = (scale.x(day) - scale.slot() / 2.0, scale.y(-record.margin.units()));
            let command = if day == 0 { format!("M{x:.2} {y:.2}") } else { format!("V{y:.2}") };
            let _ = write!(path, "{command}H{:.2}", x + scale.slot());
        }
        let _ = writeln!(svg, "<path class=\"margin\" d=\"{path}\"/>");
    }
}

impl Scale {
    fn of(records: &[DailyRecord]) -> Self {
        let lows = records.iter().map(|record| record.realised.units().min(-record.margin.units()));
        let low = lows.min().unwrap_or_default().min(0);
        let high = records.iter().map(|record| record.realised.units()).max().unwrap_or_default().max(0);
        let step = step(high - low);
        Self {
            days: records.len().max(1),
            low: low.div_euclid(step) * step,
            high: -(-high).div_euclid(step) * step,
            step,
        }
    }

    /// The width of a day.
    fn slot(&self) -> f64 {
        (RIGHT - LEFT) / self.days as f64
    }

    /// The middle of a day.
    fn x(&self, day: usize) -> f64 {
        LEFT + (day as f64 + 0.5) * self.slot()
    }

    fn y(&self, amount: i128) -> f64 {
        BOTTOM - (amount - self.low) as f64 / (self.high - self.low).max(1) as f64 * (BOTTOM - TOP)
    }
}

/// The least of 1, 2, 5, 10, 20, ... USD that divides a range into few enough parts.
fn step(range: i128) -> i128 {
    let mut power = Usd::UNITS_PER_DOLLAR;
    loop {
        for factor in [1, 2, 5] {
            if range <= factor * power * (AMOUNT_TICKS_MAX - 1) {
                return factor * power;
            }
        }
        // Amounts of an account end at 1e30 units, far inside the range.
        power *= 10;
    }
}

/// Days to label: the first of a month, of every second, third, sixth month, of a year, ... as they fit. A backtest that
/// holds fewer than two is labelled by its first and last day.
fn date_ticks(records: &[DailyRecord]) -> Vec<(usize, String)> {
    let month = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
    let firsts: Vec<(usize, Date)> = records
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| month(pair[0].date) != month(pair[1].date))
        .map(|(day, pair)| (day + 1, pair[1].date))
        .collect();
    if firsts.len() < 2 {
        let ends = [0, records.len().saturating_sub(1)];
        let ends = if ends[0] == ends[1] { &ends[..1] } else { &ends[..] };
        return ends.iter().filter_map(|day| Some((*day, records.get(*day)?.date.to_string()))).collect();
    }
    for months in [1, 2, 3, 6, 12, 24, 60, 120, 240] {
        let fitting: Vec<_> = firsts.iter().filter(|(_, date)| month(*date) % months == 0).collect();
        if fitting.len() <= DATE_TICKS_MAX {
            let label = |date: Date| {
                if months < 12 { date.strftime("%Y-%m").to_string() } else { date.year().to_string() }
            };
            return fitting.into_iter().map(|(day, date)| (*day, label(*date))).collect();
        }
    }
    vec![]
}

fn legend(svg: &mut String) {
    let y = TOP - 16.0;
    let _ = writeln!(svg, "<path class=\"margin\" d=\"M{LEFT} {:.2}h24\"/>", y - 4.0);
    text(svg, LEFT + 30.0, y, "", "margin, on the side of losses");
    for (x, class, name) in [(LEFT + 222.0, "result", "realised P&L"), (LEFT + 332.0, "breach", "breach")] {
        let _ = writeln!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"{:.2}\" width=\"10\" height=\"10\"/>", y - 9.0);
        text(svg, x + 16.0, y, "", name);
    }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = writeln!(svg, "<text x=\"{x:.2}\" y=\"{y:.2}\"{class}>{}</text>", escaped(words));
}

/// Whole dollars with separators: ticks lie on them.
fn dollars(units: i128) -> String {
    grouped(&(units / Usd::UNITS_PER_DOLLAR).to_string())
}

/// A text as XML holds it. Characters that XML does not allow become a replacement character.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan, civil::date};

    use super::*;

    fn records(days: i64, step_days: i64) -> Vec<DailyRecord> {
        let day = |index: i64| DailyRecord {
            date: date(2020, 1, 15) + (index * step_days).days(),
            margin: Usd::from_cents(10_000_000),
            realised: Usd::from_cents(if index == 3 { -13_000_000 } else { 4_000_000 * (index % 3 - 1) }),
        };
        (0..days).map(day).collect()
    }

    fn plot(records: &[DailyRecord]) -> Plot<'_> {
        Plot { title: "a <b> & 'c'".into(), subtitle: "\"d\"\u{7}".into(), records }
    }

    fn svg(records: &[DailyRecord]) -> String {
        document(&[plot(records)])
    }

    #[test]
    fn texts_are_escaped() {
        let svg = svg(&records(5, 1));
        assert!(svg.contains("a &lt;b&gt; &amp; &apos;c&apos;") && svg.contains("&quot;d&quot;\u{fffd}"), "{svg}");
        assert!(svg.contains("realised P&amp;L"));
    }

    #[test]
    fn two_pictures_stand_one_below_the_other() {
        let (one, other) = (records(60, 1), records(5, 1));
        let both = document(&[plot(&one), plot(&other)]);
        assert!(both.contains("height=\"840\" viewBox=\"0 0 900 840\""), "{both}");
        assert_eq!((both.matches("<svg").count(), both.matches("translate(0 420)").count()), (1, 1));
        assert_eq!(both.matches("<circle class=\"breach\"").count(), 2, "one breach in each");
    }

    #[test]
    fn every_day_has_a_bar_and_every_breach_a_mark() {
        let svg = svg(&records(60, 1));
        assert_eq!(svg.matches("<rect class=\"result\"").count(), 59 + 1, "bars and the legend");
        assert_eq!(svg.matches("<circle class=\"breach\"").count(), 1);
        assert_eq!(svg.matches("class=\"margin\"").count(), 2);
        assert_eq!(svg, self::svg(&records(60, 1)), "the same days give the same bytes");
    }

    #[test]
    fn everything_is_drawn_inside_the_picture() {
        for records in [records(1, 1), records(2, 1), records(250, 1), records(3_000, 1), records(40, 300)] {
            let scale = Scale::of(&records);
            for (day, record) in records.iter().enumerate() {
                for amount in [record.realised.units(), -record.margin.units()] {
                    assert!((TOP..=BOTTOM).contains(&scale.y(amount)));
                }
                assert!((LEFT..=RIGHT).contains(&scale.x(day)));
            }
            let ticks = date_ticks(&records);
            assert!((1..=DATE_TICKS_MAX).contains(&ticks.len()), "{} days: {ticks:?}", records.len());
        }
    }

    #[test]
    fn amounts_are_labelled_at_round_numbers() {
        for (range, expected) in [(0, 1), (6, 1), (7, 2), (13, 5), (3_100_000, 1_000_000), (2_900_000, 500_000)] {
            assert_eq!(step(range * Usd::UNITS_PER_DOLLAR), expected * Usd::UNITS_PER_DOLLAR, "{range}");
        }
        assert_eq!(dollars(-1_500_000 * Usd::UNITS_PER_DOLLAR), "-1,500,000");
        let svg = svg(&records(60, 1));
        for label in ["-150,000", "-100,000", ">0<", "50,000", "2020-02", "2020-03"] {
            assert!(svg.contains(label), "{label}");
        }
    }

    #[test]
    fn a_backtest_of_nothing_has_a_picture_too() {
        let flat = DailyRecord { date: date(2025, 6, 2), margin: Usd::ZERO, realised: Usd::ZERO };
        for records in [&[][..], &[flat]] {
            let svg = svg(records);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
