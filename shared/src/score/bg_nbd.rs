//! BG/NBD: how often customers buy as long as they do, and whether they still do.
//!
//! Fader, Hardie and Lee, *"Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model*, Marketing
//! Science 24(2), 2005, <https://doi.org/10.1287/mksc.1040.0098>. While alive a customer buys as a Poisson process, whose
//! rate differs among customers as a gamma distribution (`r`, `alpha`); after each purchase they may leave, with a
//! probability that differs as a beta distribution (`a`, `b`).

use serde::Serialize;

/// A model of how customers buy. Time is in the unit in which the customers were described.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BgNbd {
    pub r: f64,
    pub alpha: f64,
    pub a: f64,
    pub b: f64,
}

/// What is known of customers who are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buyers {
    /// How many there are.
    pub count: f64,
    /// Purchases after the first.
    pub repeats: u16,
    /// When the last one was, counted from the first purchase; 0 where there was none.
    pub last: f64,
    /// How long ago the first purchase was.
    pub age: f64,
}

/// Steps of the search. It ends earlier where nothing is won any more.
const STEPS: usize = 400;

impl BgNbd {
    /// The model under which these customers are likeliest. `None` where nobody bought twice, or too few did to tell.
    pub fn fit(buyers: &[Buyers]) -> Option<Self> {
        let repeaters: f64 = buyers.iter().filter(|one| one.repeats > 0).map(|one| one.count).sum();
        if repeaters < 20.0 {
            return None;
        }
        let customers: f64 = buyers.iter().map(|one| one.count).sum();
        let mean_age = buyers.iter().map(|one| one.count * one.age).sum::<f64>() / customers;
        // On the logarithm all parameters are positive; time is scaled so that the search meets numbers near 1.
        let scale = mean_age.max(1e-9) / 4.0;
        let scaled: Vec<Buyers> = buyers
            .iter()
            .map(|one| Buyers { last: one.last / scale, age: one.age / scale, ..*one })
            .collect();
        let model = |logs: &[f64; 4]| {
            let [r, alpha, a, b] = logs.map(f64::exp);
            Self { r, alpha, a, b }
        };
        let cost = |logs: &[f64; 4]| {
            if logs.iter().any(|log| log.abs() > 12.0) {
                return f64::INFINITY;
            }
            let likelihood = model(logs).log_likelihood(&scaled);
            if likelihood.is_finite() { -likelihood / customers } else { f64::INFINITY }
        };
        let found = model(&minimum(cost, [-0.5, 0.0, 0.0, 1.0])?);
        Some(Self { alpha: found.alpha * scale, ..found })
    }

    fn log_likelihood(&self, buyers: &[Buyers]) -> f64 {
        let Self { r, alpha, a, b } = *self;
        let mut known: Vec<Option<f64>> = Vec::new();
        let mut sum = 0.0;
        for Buyers { count, repeats, last, age } in buyers {
            let x = f64::from(*repeats);
            let place = usize::from(*repeats);
            if known.len() <= place {
                known.resize(place + 1, None);
            }
            // The same for all who bought so often.
            let common = *known[place].get_or_insert_with(|| {
                ln_gamma(r + x) - ln_gamma(r) + r * alpha.ln() + ln_gamma(a + b) + ln_gamma(b + x)
                    - ln_gamma(b)
                    - ln_gamma(a + b + x)
            });
            let alive = -(r + x) * (alpha + age).ln();
            sum += count
                * (common
                    + if *repeats == 0 {
                        alive
                    } else {
                        let gone = (a / (b + x - 1.0)).ln() - (r + x) * (alpha + last).ln();
                        let most = alive.max(gone);
                        most + ((alive - most).exp() + (gone - most).exp()).ln()
                    });
        }
        sum
    }

    /// How many purchases to expect within `time` from now.
    pub fn expected(&self, who: &Buyers, time: f64) -> f64 {
        let Self { r, alpha, a, b } = *self;
        let x = f64::from(who.repeats);
        let z = time / (alpha + who.age + time);
        let hyper = hypergeometric(r + x, b + x, a + b + x - 1.0, z);
        let grown = ((alpha + who.age) / (alpha + who.age + time)).powf(r + x);
        (a + b + x - 1.0) / (a - 1.0) * (1.0 - grown * hyper) * self.alive(who)
    }

    /// The probability that somebody still buys. 1 by construction for whoever bought once: the model lets people leave only
    /// after a repeat purchase.
    pub fn alive(&self, who: &Buyers) -> f64 {
        if who.repeats == 0 {
            return 1.0;
        }
        let x = f64::from(who.repeats);
        let odds =
            self.a / (self.b + x - 1.0) * ((self.alpha + who.age) / (self.alpha + who.last)).powf(self.r + x);
        1.0 / (1.0 + odds)
    }
}

/// Gauss's hypergeometric function for `z` from 0 to below 1, by its series.
fn hypergeometric(a: f64, b: f64, c: f64, z: f64) -> f64 {
    let (mut term, mut sum, mut step) = (1.0, 1.0, 0.0);
    while step < 5_000.0 {
        term *= (a + step) * (b + step) / (c + step) * z / (step + 1.0);
        sum += term;
        step += 1.0;
        if term.abs() < 1e-13 * sum.abs() {
            break;
        }
    }
    sum
}

/// The logarithm of the gamma function for positive numbers (Lanczos, g = 7, nine terms; good to 1e-13).
pub(super) fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection.
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let series = (1_u8..).map(f64::from).zip(TERMS);
    let sum: f64 = 0.999_999_999_999_809_9 + series.map(|(n, term)| term / (x + n)).sum::<f64>();
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Where `cost` is least, near `start`: the simplex search of Nelder and Mead. `None` where it finds nothing finite.
fn minimum(cost: impl Fn(&[f64; 4]) -> f64, start: [f64; 4]) -> Option<[f64; 4]> {
    let mut simplex: Vec<([f64; 4], f64)> = vec![(start, cost(&start))];
    for axis in 0..4 {
        let mut corner = start;
        corner[axis] += 0.7;
        simplex.push((corner, cost(&corner)));
    }
    for _ in 0..STEPS {
        simplex.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let (best, worst) = (simplex[0].1, simplex[4]);
        if (worst.1 - best).abs() < 1e-9 {
            break;
        }
        let mut center = [0.0; 4];
        for (corner, _) in &simplex[..4] {
            for (sum, value) in center.iter_mut().zip(corner) {
                *sum += value / 4.0;
            }
        }
        let along = |step: f64| {
            let mut point = center;
            for (value, away) in point.iter_mut().zip(worst.0) {
                *value += step * (away - *value);
            }
            (point, cost(&point))
        };
        let reflected = along(-1.0);
        simplex[4] = if reflected.1 < best {
            let further = along(-2.0);
            if further.1 < reflected.1 { further } else { reflected }
        } else if reflected.1 < simplex[3].1 {
            reflected
        } else {
            let nearer = if reflected.1 < worst.1 { along(-0.5) } else { along(0.5) };
            if nearer.1 < worst.1.min(reflected.1) {
                nearer
            } else {
                let towards = simplex[0].0;
                for (corner, value) in &mut simplex[1..] {
                    for (own, to) in corner.iter_mut().zip(towards) {
                        *own = f64::midpoint(*own, to);
                    }
                    *value = cost(corner);
                }
                continue;
            }
        };
    }
    simplex
        .into_iter()
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .and_then(|(corner, value)| value.is_finite().then_some(corner))
}

#[cfg(test)]
mod tests {
    use super::super::assert_near;
    use super::*;

    /// The model of the CDNOW customers, in weeks.
    const CDNOW: BgNbd = BgNbd { r: 0.2426, alpha: 4.4135, a: 0.7929, b: 2.4258 };

    /// From `lifetimes` 0.11.
    #[track_caller]
    fn check(repeats: u16, last: f64, expected: f64, alive: f64) {
        let who = Buyers { count: 1.0, repeats, last, age: 38.86 };
        assert_near(CDNOW.expected(&who, 39.0), expected, 2e-4);
        assert_near(CDNOW.alive(&who), alive, 2e-4);
    }

    #[test]
    fn agrees_with_lifetimes() {
        check(2, 30.43, 1.2259, 0.7266);
        check(0, 0.0, 0.1948, 1.0);
        check(10, 35.0, 6.1638, 0.8470);
        check(10, 5.0, 0.0, 0.0);
    }

    #[test]
    fn the_gamma_function_is_right() {
        assert_near(ln_gamma(1.0), 0.0, 1e-12);
        assert_near(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln(), 1e-12);
        assert_near(ln_gamma(0.2426), 1.319_785_475_090_79, 1e-10);
        assert_near(ln_gamma(11.0), 3_628_800_f64.ln(), 1e-10);
    }

    #[test]
    fn too_few_repeaters_tell_nothing() {
        let once = Buyers { count: 1_000.0, repeats: 0, last: 0.0, age: 30.0 };
        assert_eq!(BgNbd::fit(&[once]), None);
    }

    /// A line each: customers, repeats, weeks to the last, weeks since the first; the CDNOW sample of 2,357 customers.
    const SAMPLE: &str = include_str!("../../fixtures/cdnow.txt");

    #[test]
    fn fits_cdnow_as_the_paper_does() {
        let buyers = SAMPLE.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let mut numbers = line.split(' ').map(|number| number.parse::<f64>().expect("a number"));
            let mut next = || numbers.next().expect("four numbers");
            let (count, repeats, last, age) = (next(), next(), next(), next());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
            let repeats = repeats as u16;
            Buyers { count, repeats, last, age }
        });
        let fitted = BgNbd::fit(&buyers.collect::<Vec<_>>()).expect("a model");
        assert_near(fitted.r, 0.2426, 1e-3);
        assert_near(fitted.alpha, 4.4135, 2e-2);
        assert_near(fitted.a, 0.7929, 1e-2);
        assert_near(fitted.b, 2.4258, 4e-2);
    }
}
