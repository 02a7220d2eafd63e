//! The default models of the two houses of the arrangement, every parameter with what it rests on.

use jiff::civil::date;

use super::{Component, Mark, Model, ModelVersion, ParameterSource, TailMeasure, Term, Valuation};
use crate::{
    charge::{Charge, ChargeRule, ImpactGroup, MaturityRate, MaturityRates, ProductConcentration, ProductLiquidity},
    instrument::ProductCode,
    measure::Confidence,
    scenario::{CorrelationScaling, ScenarioRule, ScenarioWindow, SpreadRule, StressedPeriod, VolatilityFilter},
};

/// A weight that takes a measure as it is.
const WHOLE: u32 = 10_000;

impl Model {
    /// Every model that this engine knows by name: what an arrangement can name without writing it out.
    #[must_use]
    pub fn built_in() -> Vec<Self> {
        vec![
            Self::treasury_house_default(),
            Self::futures_house_default(),
            Self::treasury_house_first(),
            Self::futures_house_first(),
        ]
    }

    /// The default model of a house that clears Treasuries and repo, after the public descriptions of FICC GSD: value at
    /// risk at 99 % over three days by sensitivities, over ten years and a stressed period where those hold none; at
    /// least the minimum margin amount and the floor by maturity group; outside the core liquidity, bid-ask, repo
    /// interest and portfolio differential.
    #[must_use]
    pub fn treasury_house_default() -> Self {
        let spread = Some(SpreadRule { share_basis_points: 2_500 });
        let window = ScenarioWindow::Lookback { scenarios: 2_500, stressed: StressedPeriod::defaults() };
        let sensitivity = ScenarioRule { spread, window, ..ScenarioRule::overlapping(3, 2_500) };
        let recent = ScenarioRule { spread, ..ScenarioRule::overlapping(3, 500) };
        Self {
            version: ModelVersion("treasury-house/2".to_owned()),
            effective_from: date(2024, 1, 22),
            confidence: Confidence::P99,
            components: vec![
                Component::of("value at risk", "sensitivity", sensitivity, Valuation::Sensitivity),
                Component::of("minimum margin amount", "two years", recent, Valuation::FullRevaluation),
            ],
            maturity_floor: rates(&[(0, 11), (12, 33), (24, 76), (60, 336), (120, 776)]),
            margin_proxy: rates(&[(0, 5_000), (12, 10_000), (24, 20_000), (60, 40_000), (120, 80_000)]),
            charges: treasury_charges(),
            sources: sources(TREASURY_SOURCES),
        }
    }

    /// The default model of a house that clears interest-rate futures, after the public descriptions of CME's SPAN 2
    /// family: a weighted sum of filtered historical value at risk, with volatility and correlation scaling, and of the
    /// worst stressed day; at least the plain one-day value at risk; outside the core liquidity and concentration.
    ///
    /// Filtering alone is procyclical: in a calm market it falls far below the long-run level, and rises at the worst
    /// time. The floor at the volatility of ten years is one of the three remedies of Article 28 of EMIR RTS 153/2013.
    #[must_use]
    pub fn futures_house_default() -> Self {
        let filter = VolatilityFilter {
            correlation: Some(CorrelationScaling::default_scaling()),
            ..VolatilityFilter::default_filter()
        };
        let term = |name: &str, scenarios, measure, weight_basis_points| Term {
            name: name.to_owned(),
            scenarios,
            valuation: Valuation::FullRevaluation,
            measure,
            weight_basis_points,
        };
        let historical = ScenarioRule::filtered(1, 2_500, filter);
        let stress = ScenarioRule::stressed(1, StressedPeriod::defaults());
        Self {
            version: ModelVersion("futures-house/2".to_owned()),
            effective_from: date(2024, 1, 22),
            confidence: Confidence::P99,
            components: vec![
                Component {
                    name: "historical and stress".to_owned(),
                    terms: vec![
                        term("historical", historical, TailMeasure::ValueAtRisk, 9_000),
                        term("stress", stress, TailMeasure::Worst, 1_000),
                    ],
                },
                Component::of("floor", "plain", ScenarioRule::overlapping(1, 2_500), Valuation::FullRevaluation),
            ],
            maturity_floor: None,
            margin_proxy: rates(&[(0, 5_000), (12, 10_000), (24, 20_000), (60, 40_000), (120, 80_000)]),
            charges: futures_charges(),
            sources: sources(FUTURES_SOURCES),
        }
    }
}

impl Model {
    /// The version before the default: plain historical simulation by full revaluation, and nothing beside it.
    #[must_use]
    pub fn treasury_house_first() -> Self {
        let scenarios = ScenarioRule::overlapping(3, 2_500);
        Self::plain(
            "treasury-house/1",
            vec![Component::of("historical", "plain", scenarios, Valuation::FullRevaluation)],
        )
    }

    /// The version before the default: filtered historical simulation without correlation scaling, and the plain value
    /// at risk as a floor.
    #[must_use]
    pub fn futures_house_first() -> Self {
        let filtered = ScenarioRule::filtered(1, 2_500, VolatilityFilter::default_filter());
        let plain = ScenarioRule::overlapping(1, 2_500);
        Self::plain(
            "futures-house/1",
            vec![
                Component::of("filtered", "filtered", filtered, Valuation::FullRevaluation),
                Component::of("floor", "plain", plain, Valuation::FullRevaluation),
            ],
        )
    }

    fn plain(version: &str, components: Vec<Component>) -> Self {
        let sources = components.iter().map(|component| ParameterSource {
            parameter: format!("components.{}", component.name),
            mark: Mark::Assumed,
            note: "the first version of this software, kept so that cycles computed under it can be checked".to_owned(),
        });
        Self {
            version: ModelVersion(version.to_owned()),
            effective_from: date(2024, 1, 22),
            confidence: Confidence::P99,
            sources: sources.collect(),
            components,
            maturity_floor: None,
            margin_proxy: None,
            charges: Vec::new(),
        }
    }
}

impl Component {
    /// A component of one value at risk at its full weight.
    fn of(name: &str, term: &str, scenarios: ScenarioRule, valuation: Valuation) -> Self {
        let term = Term {
            name: term.to_owned(),
            scenarios,
            valuation,
            measure: TailMeasure::ValueAtRisk,
            weight_basis_points: WHOLE,
        };
        Self { name: name.to_owned(), terms: vec![term] }
    }
}

fn treasury_charges() -> Vec<Charge> {
    let group = |from_months, impact_e6, billions: u64| ImpactGroup {
        from_months,
        impact_e6,
        daily_volume_usd: billions * 1_000_000_000,
    };
    let mut charges = vec![Charge {
        name: "margin liquidity adjustment".to_owned(),
        is_core: false,
        rule: ChargeRule::MarketImpact {
            groups: vec![
                group(0, 500, 100),
                group(12, 1_000, 150),
                group(24, 2_500, 350),
                group(60, 4_500, 300),
                group(120, 10_000, 80),
            ],
        },
    }];
    charges.extend(rates(&[(0, 60), (120, 70)]).map(|rates| Charge {
        name: "bid-ask".to_owned(),
        is_core: false,
        rule: ChargeRule::BidAsk { rates },
    }));
    charges.push(Charge {
        name: "repo interest volatility".to_owned(),
        is_core: false,
        rule: ChargeRule::RepoInterest { rate_e6: 1_000 },
    });
    charges.push(Charge {
        name: "portfolio differential".to_owned(),
        is_core: false,
        rule: ChargeRule::PortfolioDifferential {
            decay_basis_points: 9_700,
            cycles: 40,
            multiplier_basis_points: WHOLE,
        },
    });
    charges
}

fn futures_charges() -> Vec<Charge> {
    // Product, tick of a contract in cents rounded up, daily volume.
    const PRODUCTS: [(&str, u32, u64); 11] = [
        ("ZT", 782, 900_000),
        ("Z3N", 782, 30_000),
        ("ZF", 782, 1_500_000),
        ("ZN", 1_563, 2_100_000),
        ("TN", 1_563, 600_000),
        ("TWE", 3_125, 2_000),
        ("ZB", 3_125, 450_000),
        ("UB", 3_125, 350_000),
        ("SR3", 1_250, 3_500_000),
        ("SR1", 2_084, 60_000),
        ("ZQ", 2_084, 400_000),
    ];
    // Invariant: every code of the table is one, which a test reads back.
    let known = PRODUCTS
        .iter()
        .filter_map(|(code, tick, volume)| code.parse::<ProductCode>().ok().map(|product| (product, *tick, *volume)));
    let known: Vec<(ProductCode, u32, u64)> = known.collect();
    // Half a tick; of the 20-year bond, which hardly trades, a whole one.
    let spread = |product: ProductCode, tick: u32| if product.as_str() == "TWE" { tick } else { tick.div_ceil(2) };
    let liquidity =
        known.iter().map(|&(product, tick, _)| ProductLiquidity { product, cents_per_contract: spread(product, tick) });
    let concentration = known.iter().map(|&(product, tick, daily_volume_contracts)| ProductConcentration {
        product,
        daily_volume_contracts,
        threshold_basis_points: 1_000,
        cents_per_contract: tick,
    });
    vec![
        Charge {
            name: "liquidity".to_owned(),
            is_core: false,
            rule: ChargeRule::ContractLiquidity { products: liquidity.collect() },
        },
        Charge {
            name: "concentration".to_owned(),
            is_core: false,
            rule: ChargeRule::Concentration { products: concentration.collect() },
        },
    ]
}

/// Rates that are written down here: they begin at 0 and ascend, which a test of the models holds.
fn rates(rates: &[(u32, u32)]) -> Option<MaturityRates> {
    let rates = rates.iter().map(|&(from_months, rate_e6)| MaturityRate { from_months, rate_e6 });
    MaturityRates::new(rates.collect()).ok()
}

fn sources(lines: &[(&str, Mark, &str)]) -> Vec<ParameterSource> {
    lines
        .iter()
        .map(|(parameter, mark, note)| ParameterSource {
            parameter: (*parameter).to_owned(),
            mark: *mark,
            note: (*note).to_owned(),
        })
        .collect()
}

const TREASURY_SOURCES: &[(&str, Mark, &str)] = &[
    ("effective_from", Mark::Published, "the restated agreement with one combined portfolio, SR-FICC-2023-010"),
    ("confidence", Mark::Published, "99 %, FICC GSD's VaR charge"),
    (
        "components.value at risk.sensitivity.valuation",
        Mark::Published,
        "sensitivity approach: key rates, convexity, spread; full revaluation is the reference and is reported beside it",
    ),
    (
        "components.value at risk.sensitivity.scenarios.horizon_days",
        Mark::Published,
        "three days, FICC GSD's margin period of risk",
    ),
    (
        "components.value at risk.sensitivity.scenarios.window",
        Mark::Assumed,
        "ten years, 2,500 days, and a stressed period where those hold none: both houses describe it so in public; the \
         days and the periods are assumed",
    ),
    (
        "components.value at risk.sensitivity.scenarios.spread",
        Mark::Assumed,
        "an issue follows a quarter of what its tenor does beside its neighbours",
    ),
    (
        "components.value at risk.sensitivity.scenarios.overnight",
        Mark::Assumed,
        "before SOFR the one-month yield stands in",
    ),
    (
        "components.minimum margin amount",
        Mark::Assumed,
        "that a minimum margin amount exists is published; here the same measure over the last two years by full \
         revaluation, which answers faster to a volatile market",
    ),
    (
        "maturity_floor",
        Mark::Assumed,
        "10 % (published as the least) of the lowest standard deviation over 250 days, 1990 to 2026, of the three-day \
         price returns of par bonds of 1, 2, 3, 7 and 20 years, from the Treasury's par yields; rounded up to a \
         millionth",
    ),
    ("margin_proxy", Mark::Assumed, "that a haircut stands in for missing sensitivities is published, its size is not"),
    (
        "charges.margin liquidity adjustment",
        Mark::Assumed,
        "groups and form are published; impact is about a day's standard deviation of the group's price, volumes are \
         rounded from SIFMA's averages by maturity",
    ),
    ("charges.bid-ask", Mark::Assumed, "0.6 to 0.7 basis points of market value"),
    ("charges.repo interest volatility", Mark::Assumed, "that it exists is published; ten basis points a year"),
    (
        "charges.portfolio differential",
        Mark::Assumed,
        "an exponentially weighted average of VaR increases, twice a day, is published; decay, length and multiplier \
         are not",
    ),
];

const FUTURES_SOURCES: &[(&str, Mark, &str)] = &[
    ("effective_from", Mark::Published, "the restated agreement with one combined portfolio, SR-FICC-2023-010"),
    ("confidence", Mark::Published, "99 % over at least one day for futures"),
    (
        "components.historical and stress.historical.scenarios.horizon_days",
        Mark::Published,
        "one day, the least for futures",
    ),
    (
        "components.historical and stress.historical.scenarios.window",
        Mark::Published,
        "ten years of history or more; 2,500 days",
    ),
    (
        "components.historical and stress.historical.scenarios.filter",
        Mark::Assumed,
        "volatility and correlation scaling are published; decays of 0.97 and 0.99, a seed from the first day of 2007, \
         which has decayed long before the first scenario, a least volatility of half the grid of the published \
         yields, and a shrinkage of 10 % are not",
    ),
    (
        "components.historical and stress.historical.weight_basis_points",
        Mark::Assumed,
        "x = 90 %: the weighted sum is published, x is not",
    ),
    (
        "components.historical and stress.stress",
        Mark::Assumed,
        "the worst day of the stressed periods, unscaled: that stress is a part is published, its scenarios are not",
    ),
    (
        "components.floor",
        Mark::Assumed,
        "100 % of the unfiltered figure over ten years, after EMIR RTS 153/2013 Art. 28 (1)(c)",
    ),
    ("margin_proxy", Mark::Assumed, "as in the Treasury house's model: a portfolio of both legs needs one"),
    (
        "charges.liquidity",
        Mark::Assumed,
        "a bid-ask charge over a lookback is published; half a tick a contract, a whole one for the 20-year bond",
    ),
    (
        "charges.concentration",
        Mark::Assumed,
        "a threshold by daily volume is published; a tenth of rounded volumes and a tick a contract are not",
    ),
];
