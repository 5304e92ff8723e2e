//! Repeated runs of one measurement: the median says what is usual, the spread
//! says how much to believe it.

use super::report::Figure;

/// Values of the same thing, one a run, in order of size.
#[derive(Debug, Clone)]
pub(crate) struct Samples(Vec<f64>);

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }
}

impl Samples {
    /// The middle value, of an even number the mean of the two; no number without runs, or when a run gave none.
    pub(crate) fn median(&self) -> f64 {
        let (values, middle) = (&self.0, self.0.len() / 2);
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            f64::NAN
        } else if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        }
    }

    /// The highest value; no number without runs.
    pub(crate) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// The lowest value; no number without runs.
    pub(crate) fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// The spread as two figures beside that of the median.
    pub(crate) fn spread(&self, name: &str, unit: &str) -> [Figure; 2] {
        [("lowest run", self.min()), ("highest run", self.max())]
            .map(|(which, value)| Figure::plain(format!("{name}, {which}"), value, unit))
    }
}

/// Whose turn it is, `rounds` times for each of `contestants`, so that whatever
/// else the machine does meets them all alike. The order turns round each round:
/// nobody always runs in another's wake.
pub(crate) fn interleaved(contestants: usize, rounds: usize) -> impl Iterator<Item = usize> {
    (0..rounds * contestants).map(move |turn| {
        let (round, step) = (turn / contestants, turn % contestants);
        if round % 2 == 0 { step } else { contestants - 1 - step }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        values.iter().copied().collect()
    }

    #[test]
    fn the_median_is_not_moved_by_one_wild_run() {
        assert_eq!(samples(&[3.0, 1000.0, 2.0]).median(), 3.0);
        assert_eq!(samples(&[3.0, 1000.0, 2.0]).max(), 1000.0);
        assert_eq!(samples(&[3.0, 1000.0, 2.0]).min(), 2.0);
    }

    #[test]
    fn an_even_number_of_runs_has_its_median_between_two() {
        assert_eq!(samples(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
    }

    #[test]
    fn a_run_without_a_number_leaves_none() {
        assert!(samples(&[]).median().is_nan());
        assert!(samples(&[1.0, f64::NAN, 2.0]).median().is_nan());
    }

    #[test]
    fn rounds_are_interleaved_and_turn_round() {
        let order: Vec<_> = interleaved(3, 2).collect();
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
    }

    #[test]
    fn the_spread_comes_as_figures_of_its_own() {
        let [low, high] = samples(&[2.0, 1.0, 3.0]).spread("CPU", "us");
        assert_eq!((low.name.as_str(), low.value), ("CPU, lowest run", 1.0));
        assert_eq!((high.name.as_str(), high.value), ("CPU, highest run", 3.0));
    }
}
