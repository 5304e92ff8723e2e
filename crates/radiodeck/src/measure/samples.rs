//! Repeated runs of one measurement: the median says what is usual, the spread
//! says how much to believe it.

use super::report::Figure;

/// Values of the same thing, one a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    sorted: Vec<f64>,
}

impl Samples {
    /// Adds the value of one run. What is no number is left out.
    pub(crate) fn add(&mut self, value: f64) {
        if !value.is_nan() {
            let place = self.sorted.partition_point(|have| *have < value);
            self.sorted.insert(place, value);
        }
    }

    /// The middle value, of an even number the mean of the two; `None` without runs.
    pub(crate) fn median(&self) -> Option<f64> {
        let middle = self.sorted.len() / 2;
        let upper = self.sorted.get(middle)?;
        if self.sorted.len() % 2 == 1 {
            Some(*upper)
        } else {
            Some(f64::midpoint(self.sorted[middle - 1], *upper))
        }
    }

    /// The lowest value.
    pub(crate) fn min(&self) -> Option<f64> {
        self.sorted.first().copied()
    }

    /// The highest value.
    pub(crate) fn max(&self) -> Option<f64> {
        self.sorted.last().copied()
    }

    /// The spread as two figures beside that of the median.
    pub(crate) fn spread(&self, name: &str, unit: &str) -> Vec<Figure> {
        [("lowest run", self.min()), ("highest run", self.max())]
            .into_iter()
            .filter_map(|(which, value)| Some(Figure::plain(format!("{name}, {which}"), value?, unit)))
            .collect()
    }
}

/// Runs every contestant once a round, `rounds` rounds, so that whatever else
/// the machine does meets them all alike. The order turns round each round:
/// nobody always runs in another's wake.
pub(crate) fn interleaved<E>(
    contestants: usize,
    rounds: usize,
    mut run: impl FnMut(usize) -> Result<f64, E>,
) -> Result<Vec<Samples>, E> {
    let mut samples = vec![Samples::default(); contestants];
    for round in 0..rounds {
        for step in 0..contestants {
            let contestant = if round % 2 == 0 { step } else { contestants - 1 - step };
            samples[contestant].add(run(contestant)?);
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        let mut samples = Samples::default();
        for value in values {
            samples.add(*value);
        }
        samples
    }

    #[test]
    fn the_median_is_not_moved_by_one_wild_run() {
        let samples = samples(&[3.0, 1.0, 1000.0, 2.0, f64::NAN, 4.0]);
        assert_eq!(samples.median(), Some(3.0));
        assert_eq!((samples.min(), samples.max()), (Some(1.0), Some(1000.0)));
    }

    #[test]
    fn an_even_number_of_runs_has_its_median_between_two() {
        assert_eq!(samples(&[4.0, 1.0, 2.0, 3.0]).median(), Some(2.5));
        assert_eq!(samples(&[]).median(), None);
    }

    #[test]
    fn rounds_are_interleaved_and_turn_round() {
        let mut order = Vec::new();
        let samples = interleaved(3, 2, |contestant| {
            order.push(contestant);
            Ok::<_, ()>(order.len() as f64)
        })
        .expect("no run fails");
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
        assert_eq!(samples[0].median(), Some(3.5));
    }

    #[test]
    fn the_spread_comes_as_figures_of_its_own() {
        let figures = samples(&[1.0, 2.0, 3.0]).spread("CPU", "us");
        assert_eq!(figures[0].name, "CPU, lowest run");
        assert_eq!(figures[1].value, 3.0);
    }
}
